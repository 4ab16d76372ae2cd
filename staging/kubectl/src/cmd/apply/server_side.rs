//! Apply by the server, and the move of objects that the client applied before.

use client_go::api::{Patch, WriteOptions};
use kubectl_objects::last_applied;
use serde_json::{Value, json};

use apimachinery::apply::manager::upgrade_managed_fields_patch;
use cli_runtime::resource::text_at;
use cli_runtime::{CommandError, Info, Result, message};

use super::{ApplyOptions, SERVER_SIDE, warn_if_deleting};
use crate::frame::Context;
use crate::write::{get, send_patch};

/// The manager that owns nothing but the annotation, so that it stays true.
const ANNOTATION_MANAGER: &str = "kubectl-last-applied";
/// How often the move is tried.
const ATTEMPTS: usize = 5;

const CONFLICT_ADVICE: &str = "Please review the fields above--they currently have other managers. Here
are the ways you can resolve this warning:
* If you intend to manage all of these fields, please re-run the apply
  command with the `--force-conflicts` flag.
* If you do not intend to manage all of the fields, please edit your
  manifest to remove references to the fields that should keep their
  current managers.
* You may co-own fields by updating your manifest to match the existing
  value; in this case, you'll become the manager if the other manager(s)
  stop managing the field (remove it from their configuration).
See https://kubernetes.io/docs/reference/using-api/server-side-apply/#conflicts";

impl ApplyOptions {
    /// Has the server apply the object.
    pub(super) async fn server_side(&self, context: &Context, info: &mut Info) -> Result<()> {
        info.subresource.clone_from(&self.subresource);
        let fields = info.object().clone();
        let options = WriteOptions {
            force: self.force_conflicts,
            ..self.options()
        };
        let applied = send_patch(context, info, &Patch::Apply(fields.clone()), &options)
            .await
            .map_err(explain)?;
        info.refresh(applied);
        if let Err(error) = self.keep_annotation(context, info).await {
            warn(
                context,
                "failed to migrate kubectl.kubernetes.io/last-applied-configuration for Server-Side Apply",
                &error,
            )?;
        } else {
            match self.migrate(context, info).await {
                Err(error) => warn(
                    context,
                    "server rejected managed fields migration to Server-Side Apply",
                    &error,
                )?,
                Ok(false) => {}
                Ok(true) => match send_patch(context, info, &Patch::Apply(fields), &options).await {
                    Ok(applied) => info.refresh(applied),
                    Err(error) => warn(
                        context,
                        "failed to re-apply configuration after performing Server-Side Apply migration",
                        &error,
                    )?,
                },
            }
        }
        warn_if_deleting(context, info.object())
    }

    /// Gives the annotation of client-side apply an owner among the appliers, or this apply would take it away.
    async fn keep_annotation(&self, context: &Context, info: &mut Info) -> Result<()> {
        if self.writing.field_manager != SERVER_SIDE {
            return Ok(());
        }
        let object = info.object();
        let Some(text) = last_applied::original(object) else {
            return Ok(());
        };
        if !owners(object, "Apply").is_empty() {
            return Ok(());
        }
        let mut metadata = json!({"name": info.name, "annotations": {last_applied::ANNOTATION: text}});
        if !info.namespace.is_empty() {
            metadata["namespace"] = info.namespace.as_str().into();
        }
        let fields = json!({"apiVersion": object["apiVersion"], "kind": object["kind"], "metadata": metadata});
        let options = WriteOptions {
            field_manager: ANNOTATION_MANAGER.to_owned(),
            ..self.options()
        };
        let applied = send_patch(context, info, &Patch::Apply(fields), &options).await?;
        info.refresh(applied);
        Ok(())
    }

    /// Hands the fields that client-side apply owns to this manager; says whether there were any.
    async fn migrate(&self, context: &Context, info: &mut Info) -> Result<bool> {
        let managers = owners(info.object(), "Update");
        let from: Vec<&str> = managers.iter().map(String::as_str).collect();
        for attempt in 1..=ATTEMPTS {
            let patch = upgrade_managed_fields_patch(info.object(), &from, &self.writing.field_manager, "")
                .map_err(|error| message!("{error}"))?;
            let Some(patch) = patch else { return Ok(false) };
            match send_patch(context, info, &Patch::Json(patch), &self.options()).await {
                Ok(object) => {
                    info.refresh(object);
                    return Ok(true);
                }
                Err(error) if error.is_conflict() && attempt < ATTEMPTS => {
                    let object = get(context, info).await?;
                    info.refresh(object);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }
}

/// The managers that own the annotation by this operation.
fn owners(object: &Value, operation: &str) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array();
    let mut names: Vec<String> = entries
        .into_iter()
        .flatten()
        .filter(|entry| text_at(entry, &["operation"]) == operation)
        .filter(|entry| {
            let annotations = &entry["fieldsV1"]["f:metadata"]["f:annotations"];
            annotations.get(format!("f:{}", last_applied::ANNOTATION)).is_some()
        })
        .map(|entry| text_at(entry, &["manager"]).to_owned())
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn explain(error: CommandError) -> CommandError {
    match error.status().map(|status| status.status().code) {
        Some(415) => message!("Server-side apply not available on the server: ({error})"),
        _ if error.is_conflict() => message!("{error}\n{CONFLICT_ADVICE}"),
        _ => error,
    }
}

fn warn(context: &Context, what: &str, error: &CommandError) -> Result<()> {
    Ok(context.streams.err.print(format!(
        "Warning: {what}. This is non-fatal and will be retried next time you apply. Error: {error}\n"
    ))?)
}
