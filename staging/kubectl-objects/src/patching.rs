//! Patches between two or three states of an object: strategic for the built-in kinds, JSON merge for the others.

use apimachinery::json::{JsonPatch, create_merge_patch, merge_patch};
use apimachinery::strategic::{self, PatchError, require_key_unchanged, require_metadata_key_unchanged};
use k8s_api::reflect::TypeRef;
use k8s_api::scheme::resource_of_kind;
use serde_json::Value;

use crate::json::{Object, group_version, text_at};
use crate::{Refusal, Result, refuse};

/// How a patch is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PatchType {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// With lists merged by their keys.
    Strategic,
}

impl PatchType {
    /// Its media type.
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json-patch+json",
            Self::Merge => "application/merge-patch+json",
            Self::Strategic => "application/strategic-merge-patch+json",
        }
    }
}

/// A patch and how it is to be read.
#[derive(Clone, Debug, PartialEq)]
pub struct TypedPatch {
    /// How it is to be read.
    pub kind: PatchType,
    /// The patch.
    pub patch: Value,
}

impl TypedPatch {
    /// Whether it changes nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.patch.as_object().is_some_and(Object::is_empty)
    }
}

/// The type of a built-in kind.
#[must_use]
pub fn built_in(object: &Value) -> Option<TypeRef<'static>> {
    let (group, version) = group_version(object);
    resource_of_kind(group, version, text_at(object, &["kind"])).map(k8s_api::scheme::ResourceInfo::type_ref)
}

fn members(value: &Value) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

/// What turns `original` into `changed`.
///
/// # Errors
/// A list of the object has no usable merge keys.
pub fn two_way(original: &Value, changed: &Value) -> Result<TypedPatch> {
    let Some(ty) = built_in(original) else {
        return Ok(TypedPatch {
            kind: PatchType::Merge,
            patch: create_merge_patch(&members(original), &members(changed)).into(),
        });
    };
    let patch = strategic::create_two_way_merge_patch(original.clone(), changed.clone(), ty, &[])
        .map_err(|error| Refusal(error.to_string()))?;
    Ok(TypedPatch {
        kind: PatchType::Strategic,
        patch,
    })
}

/// What makes `current` agree with `modified`, taking out only what `original` had.
///
/// # Errors
/// A list has no usable merge keys; unless `overwrite`, somebody else changed what the patch changes; apiVersion, kind
/// or name differ.
pub fn three_way(original: &Value, modified: &Value, current: &Value, overwrite: bool) -> Result<TypedPatch> {
    if let Some(ty) = built_in(modified) {
        let (original, modified, current) = (original.clone(), modified.clone(), current.clone());
        let patch = strategic::create_three_way_merge_patch(original, modified, current, ty, overwrite, &[])
            .map_err(|error| Refusal(error.to_string()))?;
        return Ok(TypedPatch {
            kind: PatchType::Strategic,
            patch,
        });
    }
    let patch = three_way_merge(&members(original), &members(modified), &members(current));
    let (api_version, kind) = (require_key_unchanged("apiVersion"), require_key_unchanged("kind"));
    let name = require_metadata_key_unchanged("name");
    if !(api_version(&patch) && kind(&patch) && name(&patch)) {
        return Err(refuse!("At least one of apiVersion, kind and name was changed"));
    }
    Ok(TypedPatch {
        kind: PatchType::Merge,
        patch: patch.into(),
    })
}

/// Additions and changes from current to modified, removals from original to modified.
fn three_way_merge(original: &Object, modified: &Object, current: &Object) -> Object {
    let mut changes = create_merge_patch(current, modified);
    keep(&mut changes, false);
    let mut removals = create_merge_patch(original, modified);
    keep(&mut removals, true);
    combine(&mut removals, changes);
    removals
}

/// Keeps only the removals of a merge patch, or only the rest; maps that end empty go, too.
fn keep(patch: &mut Object, removals: bool) {
    patch.retain(|_, member| match member {
        Value::Null => removals,
        Value::Object(inner) if !inner.is_empty() => {
            keep(inner, removals);
            !inner.is_empty()
        }
        _ => !removals,
    });
}

fn combine(into: &mut Object, other: Object) {
    for (name, value) in other {
        match (into.get_mut(&name), value) {
            (Some(Value::Object(inner)), Value::Object(members)) => combine(inner, members),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

/// The object with a patch applied.
///
/// # Errors
/// The patch is malformed or does not fit the object.
pub fn apply(object: &Value, kind: PatchType, patch: &Value) -> Result<Value> {
    let mut patched = object.clone();
    match kind {
        PatchType::Json => JsonPatch::from_value(patch.clone())
            .and_then(|operations| operations.apply(&mut patched, usize::MAX))
            .map_err(|error| Refusal(error.to_string()))?,
        PatchType::Merge => merge_patch(&mut patched, patch.clone()).map_err(|error| Refusal(error.to_string()))?,
        PatchType::Strategic => {
            let ty = built_in(object).ok_or_else(|| {
                let (group, version) = group_version(object);
                let kind = text_at(object, &["kind"]);
                refuse!("strategic merge patch is not supported for {group}/{version}, Kind={kind} locally, try --type merge")
            })?;
            patched = strategic::apply_patch(patched, patch.clone(), ty)
                .map_err(|error: PatchError| Refusal(error.to_string()))?;
        }
    }
    Ok(patched)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn built_in_kinds_merge_lists_by_key() {
        let pod = |images: &[(&str, &str)]| {
            let containers: Vec<_> = images
                .iter()
                .map(|(name, image)| json!({"name": name, "image": image}))
                .collect();
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p"}, "spec": {"containers": containers}})
        };
        let patch = two_way(&pod(&[("a", "1"), ("b", "1")]), &pod(&[("a", "1"), ("b", "2")])).expect("a patch");
        assert_eq!(patch.kind, PatchType::Strategic);
        assert_eq!(patch.patch["spec"]["containers"], json!([{"name": "b", "image": "2"}]));
        assert!(
            two_way(&pod(&[("a", "1")]), &pod(&[("a", "1")]))
                .expect("a patch")
                .is_empty()
        );
    }

    #[test]
    fn unknown_kinds_get_merge_patches() {
        let object = |spec: Value| json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "t"}, "spec": spec});
        for (original, modified, current, expected) in [
            // Gone from the configuration: taken out.
            (
                json!({"a": 1, "b": 2}),
                json!({"a": 1}),
                json!({"a": 1, "b": 2}),
                json!({"spec": {"b": null}}),
            ),
            // Never in the configuration: left alone.
            (json!({"a": 1}), json!({"a": 1}), json!({"a": 1, "c": 3}), json!({})),
            // Drifted: brought back.
            (
                json!({"a": 1}),
                json!({"a": 1}),
                json!({"a": 5}),
                json!({"spec": {"a": 1}}),
            ),
            (
                json!({"l": [1]}),
                json!({"l": [1, 2]}),
                json!({"l": [1]}),
                json!({"spec": {"l": [1, 2]}}),
            ),
        ] {
            let patch = three_way(&object(original), &object(modified), &object(current), true).expect("a patch");
            assert_eq!((patch.kind, patch.patch), (PatchType::Merge, expected));
        }
    }

    #[test]
    fn a_name_cannot_be_changed() {
        let named = |name: &str| json!({"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": name}});
        let error = three_way(&named("a"), &named("b"), &named("a"), true).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "At least one of apiVersion, kind and name was changed"
        );
        let error = apply(&named("a"), PatchType::Strategic, &json!({})).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "strategic merge patch is not supported for example.com/v1, Kind=Thing locally, try --type merge"
        );
    }
}
