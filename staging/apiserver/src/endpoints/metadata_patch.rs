//! Patches that open nothing but an object's metadata, as those of labels and annotations do.
//!
//! The rest of the object is neither brought into its dynamic form nor read back nor compared: it stays what it is. The outcome
//! is that of the long way.

use k8s_api::{meta::v1::ObjectMeta, tree::Tree};
use serde_json::{Value, json};

use super::field_management::without_managers;
use crate::registry::{AnyObject, VersionCodec};

/// Whether a merge patch or strategic merge patch is such a one. Directives of the latter begin with a dollar.
pub(super) fn opens_metadata_alone(patch: &Value) -> bool {
    let members = patch.as_object().into_iter().flat_map(|members| members.keys());
    let mut others = members.filter(|name| !matches!(name.as_str(), "apiVersion" | "kind"));
    others.next().is_some_and(|name| name == "metadata") && others.next().is_none()
}

/// What the patch is applied to: the object's type and its metadata, without managers.
pub(super) fn view(codec: &dyn VersionCodec, object: &mut dyn AnyObject) -> Value {
    without_managers(object, |object| dynamic(codec, object))
}

/// [`view`] for reading, of an object without managers.
pub(super) fn tree(codec: &dyn VersionCodec, object: &dyn AnyObject) -> Tree {
    Tree::from(&dynamic(codec, object))
}

fn dynamic(codec: &dyn VersionCodec, object: &dyn AnyObject) -> Value {
    let metadata = serde_json::to_value(object.metadata()).expect("metadata encodes as JSON");
    json!({"apiVersion": codec.api_version(), "kind": codec.kind(), "metadata": metadata})
}

/// The [`view`] of an object's dynamic form.
pub(super) fn metadata_alone(mut object: Value) -> Value {
    let mut member = |name: &str| object.get_mut(name).map(Value::take).unwrap_or_default();
    json!({"apiVersion": member("apiVersion"), "kind": member("kind"), "metadata": member("metadata")})
}

/// The metadata of a checked [`view`] that was patched.
///
/// # Errors
/// If a member has an impossible value.
pub(super) fn metadata_of(mut patched: Value) -> Result<ObjectMeta, serde_json::Error> {
    match patched.get_mut("metadata").map(Value::take) {
        None | Some(Value::Null) => Ok(ObjectMeta::default()),
        Some(metadata) => serde_json::from_value(metadata),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::opens_metadata_alone;

    #[test]
    fn only_what_opens_nothing_else_goes_the_short_way() {
        for patch in [
            json!({"metadata": {"labels": {"a": "b"}}}),
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": null}),
        ] {
            assert!(opens_metadata_alone(&patch), "{patch}");
        }
        for patch in [
            json!({}),
            json!([]),
            json!({"kind": "Pod"}),
            json!({"metadata": {}, "spec": {}}),
            json!({"$patch": "replace", "metadata": {}}),
            json!({"metadata": {}, "unknown": 1}),
        ] {
            assert!(!opens_metadata_alone(&patch), "{patch}");
        }
    }
}
