//! The question to a webhook and its answer: `AdmissionReview` of `admission.k8s.io/v1` and `v1beta1`.

use std::collections::BTreeMap;

use apimachinery::json::{JsonPatch, JsonPatchError};
use apiserver::{
    admission::{Attributes, GroupVersionName, Operation, WriteOptions},
    registry::AnyObject,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use k8s_api::{Kind as _, meta::v1::Status, primitives::quote};
use serde::Deserialize;
use serde_json::{Map, Value, json, value::RawValue};

use crate::matching::Invocation;

/// A version of `AdmissionReview`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ReviewVersion {
    V1,
    V1Beta1,
}

impl ReviewVersion {
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "v1" => Some(Self::V1),
            "v1beta1" => Some(Self::V1Beta1),
            _ => None,
        }
    }

    fn api_version(self) -> &'static str {
        match self {
            Self::V1 => "admission.k8s.io/v1",
            Self::V1Beta1 => "admission.k8s.io/v1beta1",
        }
    }
}

fn raw(text: Vec<u8>) -> Result<Box<RawValue>, String> {
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    RawValue::from_string(text).map_err(|error| error.to_string())
}

fn reference(name: &GroupVersionName, member: &str) -> Value {
    json!({"group": name.group, "version": name.version, member: name.name})
}

/// The options of the request as the object that they are.
fn options(operation: Operation, options: &WriteOptions) -> Value {
    let kind = match operation {
        Operation::Create => "CreateOptions",
        Operation::Update => "UpdateOptions",
        Operation::Delete => {
            let mut value = options
                .delete
                .as_ref()
                .map_or_else(|| json!({}), |options| options.to_value());
            value["kind"] = "DeleteOptions".into();
            value["apiVersion"] = "meta.k8s.io/v1".into();
            return value;
        }
        Operation::Connect => return Value::Null,
    };
    let mut value = Map::new();
    value.insert("kind".to_owned(), kind.into());
    value.insert("apiVersion".to_owned(), "meta.k8s.io/v1".into());
    if options.dry_run {
        value.insert("dryRun".to_owned(), json!(["All"]));
    }
    for (name, text) in [
        ("fieldManager", &options.field_manager),
        ("fieldValidation", &options.field_validation),
    ] {
        if !text.is_empty() {
            value.insert(name.to_owned(), text.as_str().into());
        }
    }
    Value::Object(value)
}

/// The text of a question.
pub(crate) fn question(
    version: ReviewVersion,
    uid: &str,
    invocation: &Invocation,
    attributes: &Attributes<'_>,
    object: Option<&dyn AnyObject>,
) -> Result<Vec<u8>, String> {
    let user = attributes.user();
    let mut user_info = json!({"username": user.name});
    for (name, value) in [
        ("uid", json!(user.uid)),
        ("groups", json!(user.groups)),
        ("extra", json!(user.extra)),
    ] {
        let empty = value == json!("") || value == json!([]) || value == json!({});
        if !empty {
            user_info[name] = value;
        }
    }
    let mut request = BTreeMap::<&str, Box<RawValue>>::new();
    let mut set =
        |name, value: &Value| raw(value.to_string().into_bytes()).map(|text| drop(request.insert(name, text)));
    set("uid", &uid.into())?;
    set("kind", &reference(&invocation.kind, "kind"))?;
    set("resource", &reference(&invocation.resource, "resource"))?;
    set("requestKind", &reference(attributes.kind, "kind"))?;
    set("requestResource", &reference(attributes.resource, "resource"))?;
    for (name, text) in [
        ("subResource", attributes.subresource),
        ("requestSubResource", attributes.subresource),
        ("name", attributes.name),
        ("namespace", attributes.namespace),
    ] {
        if !text.is_empty() {
            set(name, &text.into())?;
        }
    }
    set("operation", &attributes.operation.as_str().into())?;
    set("userInfo", &user_info)?;
    set("dryRun", &attributes.options.dry_run.into())?;
    set("options", &options(attributes.operation, attributes.options))?;
    for (name, object) in [("object", object), ("oldObject", attributes.old)] {
        let text = object.map_or_else(|| b"null".to_vec(), |object| invocation.encode(attributes, object));
        request.insert(name, raw(text)?);
    }
    #[derive(serde::Serialize)]
    struct Review<'a> {
        kind: &'static str,
        #[serde(rename = "apiVersion")]
        api_version: &'static str,
        request: &'a BTreeMap<&'a str, Box<RawValue>>,
    }
    let review = Review {
        kind: "AdmissionReview",
        api_version: version.api_version(),
        request: &request,
    };
    serde_json::to_vec(&review).map_err(|error| error.to_string())
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Review {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
    response: Option<Response>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Response {
    uid: String,
    allowed: bool,
    status: Option<Value>,
    patch: Option<String>,
    patch_type: Option<String>,
    audit_annotations: Option<BTreeMap<String, String>>,
    warnings: Option<Vec<String>>,
}

/// What a webhook answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) allowed: bool,
    pub(crate) status: Option<Status>,
    pub(crate) patch: Option<Vec<u8>>,
    pub(crate) patch_type: String,
    pub(crate) audit_annotations: BTreeMap<String, String>,
    pub(crate) warnings: Vec<String>,
}

/// Why an answer cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AnswerError {
    /// It is no review at all.
    #[error("failed to call webhook: {0}")]
    Decode(String),
    /// It is not the answer to the question.
    #[error("received invalid webhook response: {0}")]
    Invalid(String),
}

/// `group/version, Kind=kind`, as Go shows it.
fn shown(api_version: &str, kind: &str) -> String {
    let api_version = match api_version {
        "" => "/",
        text => text,
    };
    format!("{api_version}, Kind={kind}")
}

impl Answer {
    /// Takes the answer to the question `uid`.
    pub(crate) fn decode(version: ReviewVersion, uid: &str, mutating: bool, body: &[u8]) -> Result<Self, AnswerError> {
        let decode = |error: &dyn std::fmt::Display| AnswerError::Decode(error.to_string());
        let value = apimachinery::json::parse(body)
            .map_err(|error| decode(&format_args!("couldn't get version/kind; json parse error: {error}")))?;
        let review: Review = serde_json::from_value(value).map_err(|error| decode(&error))?;
        let invalid = |reason: String| Err(AnswerError::Invalid(reason));
        let Some(response) = review.response else {
            return invalid("webhook response was absent".to_owned());
        };
        if version == ReviewVersion::V1 {
            if response.uid != uid {
                return invalid(format!(
                    "expected response.uid={}, got {}",
                    quote(uid),
                    quote(&response.uid)
                ));
            }
            let (expected, found) = (
                shown(version.api_version(), "AdmissionReview"),
                shown(&review.api_version, &review.kind),
            );
            if expected != found {
                return invalid(format!("expected webhook response of {expected}, got {found}"));
            }
        }
        let patch = response.patch.filter(|patch| !patch.is_empty());
        let patch = patch
            .map(|patch| STANDARD.decode(patch).map_err(|error| decode(&error)))
            .transpose()?;
        let mut patch_type = response.patch_type;
        match (version, mutating, &patch, patch_type.as_deref()) {
            (ReviewVersion::V1Beta1, ..) => patch_type = patch.is_some().then(|| JSON_PATCH.to_owned()),
            (_, false, Some(_), _) => return invalid("validating webhook may not return response.patch".to_owned()),
            (_, false, _, Some(_)) => {
                return invalid("validating webhook may not return response.patchType".to_owned());
            }
            (_, true, Some(_), None) => {
                return invalid("webhook returned response.patch but not response.patchType".to_owned());
            }
            (_, true, None, Some(_)) => {
                return invalid("webhook returned response.patchType but not response.patch".to_owned());
            }
            (_, true, Some(_), Some("")) => {
                return invalid("webhook returned invalid response.patchType of \"\"".to_owned());
            }
            _ => {}
        }
        let status = response
            .status
            .filter(|status| !status.is_null())
            .map(Status::from_value);
        Ok(Self {
            allowed: response.allowed,
            status: status.transpose().map_err(|error| decode(&error))?,
            patch: patch.filter(|_| mutating),
            patch_type: patch_type.unwrap_or_default(),
            audit_annotations: response.audit_annotations.unwrap_or_default(),
            warnings: response.warnings.unwrap_or_default(),
        })
    }
}

/// The one type of patches.
pub(crate) const JSON_PATCH: &str = "JSONPatch";

/// The operations of a patch's text, and the text's own form for the audit event.
pub(crate) fn decode_patch(text: &[u8]) -> Result<(JsonPatch, Value), String> {
    let value: Value = serde_json::from_slice(text).map_err(|error| error.to_string())?;
    let patch = JsonPatch::from_value(value.clone()).map_err(|error: JsonPatchError| error.to_string())?;
    Ok((patch, value))
}
