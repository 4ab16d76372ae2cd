//! Server-side apply.

use apimachinery::{
    apply::manager::{ApplyError, ApplyOptions, Extent, Merged},
    json,
    status::StatusError,
};
use async_trait::async_trait;
use component_base::serving::Body;
use http::Response;
use k8s_api::meta::v1::StatusCause;
use serde_json::Value;

use super::{
    Output,
    body::warn,
    create::dedup_owner_references,
    field_management::{Tracker, encode_without_managers},
    metadata_patch,
    patch::{self, Shown, check_patched, decode_patched},
    update::Update,
};
use crate::{
    options::FieldValidation,
    registry::{AnyObject, Existing, ObjectBox, UpdateSource},
};

/// Applies a configuration; an absent object is created.
pub(super) async fn apply(update: &Update<'_>, bytes: &[u8], output: &Output) -> Result<Response<Body>, StatusError> {
    let text =
        std::str::from_utf8(bytes).map_err(|_| StatusError::bad_request("error decoding YAML: invalid UTF-8"))?;
    let (applied, duplicate) =
        json::parse_yaml(text).map_err(|error| StatusError::bad_request(format!("error decoding YAML: {error}")))?;
    let duplicate = duplicate.map(|error| error.to_string());
    update
        .call
        .context
        .audit
        .request_body(|| applied.to_string().into_bytes());
    check_identity(update, &applied)?;
    let source = Applied {
        update,
        applied,
        duplicate,
    };
    update.run(&source, true, output).await
}

/// The configuration must be of the object that the path names.
fn check_identity(update: &Update<'_>, applied: &Value) -> Result<(), StatusError> {
    let info = &update.call.context.info;
    let metadata = |name: &str| {
        applied
            .get("metadata")
            .and_then(|m| m.get(name))
            .and_then(Value::as_str)
            .unwrap_or("")
    };
    let (name, namespace) = (metadata("name"), metadata("namespace"));
    if name.is_empty() && applied.get("metadata").and_then(|m| m.get("generateName")).is_some() {
        return Err(StatusError::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            info.name
        )));
    }
    if name != info.name && !name.is_empty() {
        return Err(StatusError::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({})",
            info.name
        )));
    }
    if !namespace.is_empty() && namespace != info.namespace {
        return Err(StatusError::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    Ok(())
}

struct Applied<'a> {
    update: &'a Update<'a>,
    applied: Value,
    /// What strict decoding has against the text.
    duplicate: Option<String>,
}

impl Applied<'_> {
    fn judge_duplicate(&self) -> Result<(), StatusError> {
        let Some(complaint) = &self.duplicate else {
            return Ok(());
        };
        match FieldValidation::of(&self.update.options.field_validation) {
            FieldValidation::Strict => {
                let message = format!("error strict decoding YAML: {complaint}");
                return Err(StatusError::bad_request(message));
            }
            FieldValidation::Warn => warn(self.update.call, complaint),
            FieldValidation::Ignore => {}
        }
        Ok(())
    }
}

#[async_trait]
impl UpdateSource for Applied<'_> {
    fn view(&self, existing: &mut dyn AnyObject) -> Value {
        encode_without_managers(self.update.endpoint.codec.as_ref(), existing)
    }

    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let update = self.update;
        let (call, endpoint) = (update.call, update.endpoint);
        let live = existing.map(Existing::take_view);
        let stored = existing.map_or(&[][..], |existing| &existing.object.metadata().managed_fields);
        let options = ApplyOptions {
            manager: &update.options.field_manager,
            force: update.options.force.unwrap_or(false),
            now: call.context.received,
        };
        let tracker = Tracker::new(endpoint.codec.as_ref(), update.subresource, update.strategy);
        let merge = |live| tracker.with(|fields| fields.apply_beside(live, &self.applied, stored, options));
        // Beside the object, whose check need not look at them.
        let merged = merge(live).map_err(|error| apply_status(&error))?;
        self.judge_duplicate()?;
        let shown = Shown::Result {
            value: &|| {
                merge(existing.map(|existing| self.view(existing.object.clone_boxed().as_mut())))
                    .map(shown_with_managers)
                    .unwrap_or_default()
            },
            opened: &Value::Null,
        };
        let mut strict = Vec::new();
        let unchanged = existing.filter(|_| endpoint.codec.is_hub());
        let mut object = match (merged.extent, unchanged) {
            (Extent::Nothing, Some(existing)) => existing.object.clone_boxed(),
            (Extent::Metadata, Some(existing)) => {
                let metadata = metadata_patch::metadata_alone(merged.object);
                patch::with_metadata(update, existing, check_patched(update, metadata, shown, &mut strict)?)?.0
            }
            _ => decode_patched(update, merged.object, shown, &mut strict)?,
        };
        object.metadata_mut().managed_fields = merged.managers;
        if existing.is_none() {
            crate::registry::wipe_system_fields(object.metadata_mut());
            call.context.info.name.clone_into(&mut object.metadata_mut().name);
            let namespace = if endpoint.namespaced {
                call.context.info.namespace.as_str()
            } else {
                ""
            };
            crate::registry::ensure_namespace(namespace, object.metadata_mut())?;
        }
        dedup_owner_references(call, object.as_mut(), false);
        update.admit(&mut object, existing).await?;
        Ok(object)
    }
}

/// The merged object as an error shows it.
fn shown_with_managers(merged: Merged) -> Value {
    let mut object = merged.object;
    if let (Ok(managers), Some(metadata)) = (serde_json::to_value(merged.managers), object.get_mut("metadata")) {
        metadata["managedFields"] = managers;
    }
    object
}

fn apply_status(error: &ApplyError) -> StatusError {
    match error {
        ApplyError::BadRequest(message) => StatusError::bad_request(message.clone()),
        ApplyError::Internal(message) => {
            let mut status = StatusError::internal_error(message).into_status();
            status.message.clone_from(message);
            status.reason.clear();
            status.details = None;
            status.into()
        }
        ApplyError::Conflict(conflicts) => {
            let causes = conflicts.causes().map(|(message, field)| StatusCause {
                reason: "FieldManagerConflict".to_owned(),
                message,
                field,
            });
            StatusError::apply_conflict(causes.collect(), conflicts.to_string())
        }
    }
}
