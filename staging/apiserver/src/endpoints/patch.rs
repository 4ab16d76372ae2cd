//! PATCH: JSON patch, merge patch, strategic merge patch.

use apimachinery::{
    codec::go,
    field::{Error as FieldError, ErrorList, Path},
    json::{self, JsonPatch, JsonPatchError},
    normalize::{DecodeError, Source, StrictError, normalize_builtin, strict_message},
    status::{GroupResource, StatusError},
    strategic,
};
use async_trait::async_trait;
use bytes::Bytes;
use component_base::serving::Body;
use http::{Response, header};
use k8s_api::{scheme, tree::Tree};
use serde_json::Value;

use super::{
    Call, Endpoint, Output, apply,
    body::{MAX_BODY, judge, not_registered, read_body, unknown_conversion},
    create::dedup_owner_references,
    field_management::{Given, Tracker, encode_without_managers},
    metadata_patch,
    update::{Target, Update, check_name},
};
use crate::{
    options::{FieldValidation, PatchType, write_options},
    registry::{AnyObject, Existing, ObjectBox, UpdateSource, VersionCodec},
};

/// Answers a PATCH of an object, or of a subresource with `strategy`.
pub(super) async fn patch(
    call: &Call<'_>,
    endpoint: &Endpoint,
    target: Target<'_>,
    body: Body,
) -> Result<Response<Body>, StatusError> {
    let output = Output::negotiate(call, endpoint)?;
    let content_type = call.header(header::CONTENT_TYPE);
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let kind = PatchType::of(media_type).ok_or_else(|| {
        StatusError::unsupported_media_type(&[
            "application/json-patch+json",
            "application/merge-patch+json",
            "application/strategic-merge-patch+json",
            "application/apply-patch+yaml",
        ])
    })?;
    let bytes = read_body(body).await?;
    let options = write_options(&call.query, "PatchOptions", Some(kind))?;
    let update = Update {
        call,
        endpoint,
        strategy: target.strategy,
        subresource: target.subresource,
        scale: target.scale,
        options: &options,
    };
    if kind == PatchType::Apply {
        return apply::apply(&update, &bytes, &output).await;
    }
    call.context.audit.request_body(|| bytes.to_vec());
    let patch = Patch::parse(kind, &bytes)?;
    let source = Patched {
        update: &update,
        metadata_alone: patch.opens_metadata_alone() && endpoint.codec.is_hub(),
        patch,
    };
    update.run(&source, false, &output).await
}

enum Patch {
    Json(JsonPatch),
    Merge { patch: Value, duplicates: Vec<StrictError> },
    Strategic { patch: Value, duplicates: Vec<StrictError> },
}

impl Patch {
    fn parse(kind: PatchType, bytes: &Bytes) -> Result<Self, StatusError> {
        let decode = |error: &dyn std::fmt::Display| StatusError::bad_request(format!("error decoding patch: {error}"));
        let parsed = json::parse_strict(bytes).map_err(|error| decode(&error))?;
        let duplicates: Vec<StrictError> = parsed.duplicates.iter().cloned().map(StrictError::Duplicate).collect();
        match kind {
            PatchType::Json => {
                let patch = JsonPatch::from_value(parsed.value).map_err(|error| match error {
                    JsonPatchError::TooMany { .. } => StatusError::request_entity_too_large(error),
                    _ => decode(&error),
                })?;
                Ok(Self::Json(patch))
            }
            PatchType::Merge if !parsed.value.is_object() => Err(decode(
                &"json: cannot unmarshal into Go value of type map[string]interface {}",
            )),
            PatchType::Merge => Ok(Self::Merge {
                patch: parsed.value,
                duplicates,
            }),
            _ => Ok(Self::Strategic {
                patch: parsed.value,
                duplicates,
            }),
        }
    }

    fn apply(&self, endpoint: &Endpoint, mut live: Value) -> Result<(Value, Vec<StrictError>), StatusError> {
        match self {
            Self::Json(patch) => {
                patch.apply(&mut live, MAX_BODY).map_err(|error| match error {
                    JsonPatchError::Shape { .. } => StatusError::bad_request(error.to_string()),
                    _ => unprocessable(),
                })?;
                Ok((live, vec![]))
            }
            Self::Merge { patch, duplicates } => {
                json::merge_patch(&mut live, patch.clone())
                    .map_err(|error| StatusError::bad_request(error.to_string()))?;
                Ok((live, duplicates.clone()))
            }
            Self::Strategic { patch, duplicates } => {
                let merged = strategic::apply_patch(live, patch.clone(), endpoint.codec.type_ref())
                    .map_err(|error| StatusError::bad_request(error.to_string()))?;
                Ok((merged, duplicates.clone()))
            }
        }
    }
}

impl Patch {
    /// Whether nothing but metadata is looked at, and of that not the managers.
    fn opens_metadata_alone(&self) -> bool {
        match self {
            Self::Json(_) => false,
            Self::Merge { patch, .. } | Self::Strategic { patch, .. } => {
                metadata_patch::opens_metadata_alone(patch) && !self.sees_managers()
            }
        }
    }

    /// Whether the object's managers may decide what comes of the patch.
    fn sees_managers(&self) -> bool {
        let (Self::Merge { patch, .. } | Self::Strategic { patch, .. }) = self else {
            return true;
        };
        let metadata = patch.get("metadata").and_then(Value::as_object);
        let mut names = metadata.into_iter().flat_map(|members| members.keys());
        // Directives of a strategic merge patch begin with a dollar.
        names.any(|name| name == "managedFields" || name.starts_with('$'))
    }
}

/// A patch that does not fit the object; upstream tells nothing more.
fn unprocessable() -> StatusError {
    let mut status = StatusError::invalid(GroupResource::default(), "", &ErrorList::default()).into_status();
    "the server rejected our request due to an error in our request".clone_into(&mut status.message);
    status.details = Some(Box::default());
    status.into()
}

struct Patched<'a> {
    update: &'a Update<'a>,
    /// The [short way](metadata_patch) is open.
    metadata_alone: bool,
    patch: Patch,
}

#[async_trait]
impl UpdateSource for Patched<'_> {
    fn view(&self, existing: &mut dyn AnyObject) -> Value {
        let codec = self.update.endpoint.codec.as_ref();
        if self.metadata_alone {
            metadata_patch::view(codec, existing)
        } else if self.patch.sees_managers() {
            codec.encode(existing)
        } else {
            encode_without_managers(codec, existing)
        }
    }

    async fn updated(&self, existing: Option<&Existing>) -> Result<ObjectBox, StatusError> {
        let update = self.update;
        let endpoint = update.endpoint;
        let Some(existing) = existing else {
            return Err(StatusError::not_found(
                endpoint.group_resource(),
                &update.call.context.info.name,
            ));
        };
        let view = existing.take_view();
        let live = self.metadata_alone.then(|| Tree::from(&view));
        let (patched, mut strict) = self.patch.apply(endpoint, view)?;
        let given = Given::of(&patched);
        let again = || match self
            .patch
            .apply(endpoint, endpoint.codec.encode(existing.object.as_ref()))
        {
            Ok((patched, _)) => patched,
            Err(_) => Value::Null,
        };
        let opened;
        let shown = match &self.patch {
            Patch::Strategic { patch, .. } => Shown::Patch(patch),
            Patch::Merge { patch, .. } => Shown::Result {
                value: &again,
                opened: patch,
            },
            Patch::Json(patch) => {
                opened = patch.opened();
                Shown::Result {
                    value: &again,
                    opened: &opened,
                }
            }
        };
        let checked = check_patched(update, patched, shown, &mut strict)?;
        let codec = endpoint.codec.as_ref();
        let (mut object, live) = match live {
            None => (decoded(codec, checked)?, None),
            Some(live) => {
                let (object, rest_is_same) = with_metadata(update, existing, checked)?;
                (object, Some(live).filter(|_| rest_is_same && given.is_plain()))
            }
        };
        check_name(update.call, endpoint, object.as_mut())?;
        dedup_owner_references(update.call, object.as_mut(), false);
        let tracker = Tracker::new(codec, update.subresource, update.strategy);
        match live {
            Some(live) => tracker.update_metadata(update.call, update.options, existing, &live, &mut object),
            None => tracker.update(update.call, update.options, Some(existing), &mut object, given),
        }
        update.admit(&mut object, Some(existing)).await?;
        Ok(object)
    }
}

/// What a client is shown of a patch whose result does not decode.
#[derive(Clone, Copy)]
pub(super) enum Shown<'a> {
    /// The patched document.
    Result {
        /// Makes it once more: checking it has changed the one at hand, and a copy of each for the few that fail is dear.
        value: &'a (dyn Fn() -> Value + Sync),
        /// The part of it that the patch opened (see [`go::declared_order`]).
        opened: &'a Value,
    },
    /// The patch itself, and the words of Go's conversion from maps.
    Patch(&'a Value),
}

/// What decoding says of a document that calls itself something else than the resource's kind.
fn other_kind(endpoint: &Endpoint, mut document: Value, api_version: &str, kind: &str) -> String {
    let (group, version) = scheme::split_api_version(api_version);
    let Some(info) = scheme::resource_of_kind(group, version, kind) else {
        return not_registered(api_version, kind);
    };
    if let Err(error) = normalize_builtin(&mut document, info.type_id(), Source::Sorted) {
        return error.to_string();
    }
    unknown_conversion(version, kind, &endpoint.kind.group, endpoint.codec.kind())
}

fn undecodable(error: serde_json::Error) -> StatusError {
    StatusError::bad_request(error.to_string())
}

fn decoded(codec: &dyn VersionCodec, checked: Value) -> Result<ObjectBox, StatusError> {
    codec.decode(checked).map_err(undecodable)
}

/// The existing object with the metadata of a checked [view](metadata_patch) of it, and whether the rest of it stayed as it was.
/// The endpoint's version is the hub.
pub(super) fn with_metadata(
    update: &Update<'_>,
    existing: &Existing,
    checked: Value,
) -> Result<(ObjectBox, bool), StatusError> {
    let metadata = metadata_patch::metadata_of(checked).map_err(undecodable)?;
    let codec = update.endpoint.codec.as_ref();
    let object = codec.with_metadata(existing.object.as_ref(), metadata);
    Ok(object.expect("the hub's own codec changes metadata"))
}

/// Checks and decodes the result of a patch.
pub(super) fn decode_patched(
    update: &Update<'_>,
    patched: Value,
    show: Shown<'_>,
    strict: &mut Vec<StrictError>,
) -> Result<ObjectBox, StatusError> {
    let checked = check_patched(update, patched, show, strict)?;
    decoded(update.endpoint.codec.as_ref(), checked)
}

/// Checks the result of a patch and brings it into its canonical form.
pub(super) fn check_patched(
    update: &Update<'_>,
    mut patched: Value,
    show: Shown<'_>,
    strict: &mut Vec<StrictError>,
) -> Result<Value, StatusError> {
    let endpoint = update.endpoint;
    let ty = endpoint.codec.type_ref();
    let invalid = |detail: String| {
        let value = match show {
            Shown::Result { value, opened } => go::declared_order(&value(), ty, opened),
            Shown::Patch(patch) => go::plain_value(patch),
        };
        let mut errors = ErrorList::default();
        errors.push(FieldError::invalid(&Path::new("patch"), value.as_str(), detail));
        StatusError::invalid(GroupResource::default(), "", &errors)
    };
    let words = |error: &DecodeError| match (show, error) {
        (Shown::Patch(_), DecodeError::Type(mismatch)) => mismatch.of_conversion(),
        _ => error.to_string(),
    };
    if !patched.is_object() {
        let name = &update.call.context.info.name;
        return Err(StatusError::bad_request(format!(
            "the patch of {name} yields no object"
        )));
    }
    let text = |name: &str| patched.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (api_version, kind) = (text("apiVersion"), text("kind"));
    if (api_version.as_str(), kind.as_str()) != (endpoint.codec.api_version(), endpoint.codec.kind()) {
        match show {
            // A map becomes an object of the resource's kind whatever it calls itself.
            Shown::Patch(_) => {
                patched["apiVersion"] = endpoint.codec.api_version().into();
                patched["kind"] = endpoint.codec.kind().into();
            }
            Shown::Result { .. } => return Err(invalid(other_kind(endpoint, patched, &api_version, &kind))),
        }
    }
    let found = normalize_builtin(&mut patched, ty.id, Source::Sorted).map_err(|error| invalid(words(&error)))?;
    strict.extend(found);
    let validation = FieldValidation::of(&update.options.field_validation);
    judge(update.call, strict, validation).map_err(|_| invalid(strict_message(strict)))?;
    Ok(patched)
}
