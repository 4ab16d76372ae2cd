//! Apply by a patch that the client makes of three states: what was applied last, what is applied now, what is there
//! (upstream: `apply/patcher.go`).

use std::time::Duration;

use kubectl_objects::json::{drop_nulls, go_json, object_at};
use kubectl_objects::patching::{self, TypedPatch};
use kubectl_objects::{last_applied, patching::PatchType};
use serde_json::Value;
use tokio::time::sleep;

use cli_runtime::{CommandError, Info, Result, message};

use super::{ApplyOptions, Visited, warn_if_deleting};
use crate::frame::Context;
use crate::write::{self, described, refused};

/// How often a patch is tried again after a conflict.
const RETRIES: u32 = 5;
/// The pause before it is, the first time apart.
const PAUSE: Duration = Duration::from_secs(1);

impl ApplyOptions {
    /// Creates the object, or patches it; says what was done.
    pub(super) async fn client_side(
        &self,
        context: &Context,
        info: &mut Info,
        visited: &mut Visited,
    ) -> Result<&'static str> {
        let modified = last_applied::modified(info.object());
        let current = match write::get(context, info).await {
            Ok(current) => current,
            Err(error) if error.is_not_found() => {
                self.create(context, info, modified).await?;
                return Ok("created");
            }
            Err(error) => {
                let doing = format!(
                    "retrieving current configuration of:\n{}\nfrom server for:",
                    described(info)
                );
                return Err(error.while_doing(&doing, &info.source));
            }
        };
        if let Some(uid) = current["metadata"]["uid"].as_str() {
            visited.uids.insert(uid.to_owned());
        }
        info.refresh(current.clone());
        if last_applied::original(&current).is_none() {
            context.streams.err.print(format!(
                "Warning: resource {name} is missing the {annotation} annotation which is required by kubectl apply. kubectl apply should only be used on resources created declaratively by either kubectl create --save-config or kubectl apply. The missing annotation will be patched automatically.\n",
                name = info.object_name(),
                annotation = last_applied::ANNOTATION,
            ))?;
        }
        let (patch, patched) = self.patch(context, info, current, &modified).await?;
        info.refresh(patched);
        warn_if_deleting(context, info.object())?;
        Ok(if patch.is_empty() { "unchanged" } else { "configured" })
    }

    async fn create(&self, context: &Context, info: &mut Info, mut object: Value) -> Result<()> {
        drop_nulls(&mut object);
        if !self.writing.dry_run.is_client() {
            object = write::create(context, info, &object, &self.options())
                .await
                .map_err(|error| error.while_doing("creating", &info.source))?;
        }
        info.refresh(object);
        Ok(())
    }

    async fn patch(
        &self,
        context: &Context,
        info: &Info,
        mut current: Value,
        modified: &Value,
    ) -> Result<(TypedPatch, Value)> {
        for attempt in 0..=RETRIES {
            let patch = self.make_patch(info, &current, modified)?;
            if patch.is_empty() {
                return Ok((patch, current));
            }
            if self.writing.dry_run.is_client() {
                let patched = patching::apply(&current, patch.kind, &patch.patch)
                    .map_err(|error| message!("applying patch locally: {error}"))?;
                return Ok((patch, patched));
            }
            let error = match write::patch(context, info, &patch, &self.options()).await {
                Ok(patched) => return Ok((patch, patched)),
                Err(error) => error,
            };
            let conflict = error.is_conflict();
            if conflict && attempt < RETRIES {
                if attempt > 0 {
                    sleep(PAUSE).await;
                }
                current = write::get(context, info).await?;
                continue;
            }
            let invalid = error.status().is_some_and(|status| status.status().code == 422);
            if self.deletion.force && (conflict || invalid) {
                let created = self.recreate(context, info, &current, modified).await?;
                let replaced = TypedPatch {
                    kind: PatchType::Merge,
                    patch: modified.clone(),
                };
                return Ok((replaced, created));
            }
            let doing = applying(&patch, info);
            return Err(error
                .while_doing("patching", &info.source)
                .while_doing(&doing, &info.source));
        }
        unreachable!("the last attempt returns")
    }

    fn make_patch(&self, info: &Info, current: &Value, modified: &Value) -> Result<TypedPatch> {
        let text = last_applied::original(current).unwrap_or_default();
        let original: Value = match text.trim() {
            "" => Value::Null,
            text => serde_json::from_str(text)
                .map_err(|error| message!("retrieving original configuration for {}: {error}", info.object_name()))?,
        };
        patching::three_way(&original, modified, current, self.overwrite).map_err(|error| {
            message!(
                "creating patch with:\noriginal:\n{text}\nmodified:\n{}\ncurrent:\n{}\nfor: {error}",
                go_json(modified),
                go_json(current)
            )
            .while_doing("patching", &info.source)
        })
    }

    /// Deletes what is in the way and creates it anew; if that fails, as it was before.
    async fn recreate(&self, context: &Context, info: &Info, current: &Value, modified: &Value) -> Result<Value> {
        let api = context.factory.dynamic(info.mapping()?, &info.namespace)?;
        api.delete(&info.name, &self.deletion().options()).await?;
        write::until_gone(context, info, self.deletion.timeout_or(write::GONE)).await?;
        let error = match write::create(context, info, modified, &self.options()).await {
            Ok(created) => return Ok(created),
            Err(error) => error,
        };
        let mut before = current.clone();
        object_at(&mut before, &["metadata"]).remove("uid");
        match write::create(context, info, &before, &self.options()).await {
            Ok(_) => Err(error),
            Err(again) => Err(message!(
                "An error occurred force-replacing the existing object with the newly provided one:\n\n{error}.\n\nAdditionally, an error occurred attempting to restore the original object:\n\n{again}"
            )),
        }
    }
}

fn applying(patch: &TypedPatch, info: &Info) -> String {
    format!(
        "applying patch:\n{}\nto:\n{}\nfor:",
        go_json(&patch.patch),
        described(info)
    )
}

/// Patches the annotation of an object that is there.
pub(super) fn annotation_patch(object: &Value, text: &str) -> Result<TypedPatch, CommandError> {
    let mut changed = object.clone();
    last_applied::set(&mut changed, text);
    patching::two_way(object, &changed).map_err(refused)
}
