//! Whether two patches set the same field to different values.

use k8s_api::reflect::{PatchStrategy, TypeRef};
use serde_json::Value;

use super::diff::sort_scalars;
use super::error::PatchError;
use super::list::deduplicate;
use super::meta::{FieldMeta, list_field, object_field};
use super::order::{ElementKind, element_kind};
use super::{DIRECTIVE, Object, RETAIN_KEYS};
use crate::apply::go;

/// Whether applying both patches one after the other depends on their order.
///
/// # Errors
/// If a patch does not fit the type.
pub fn patches_have_conflicts(left: &Value, right: &Value, ty: TypeRef<'_>) -> Result<bool, PatchError> {
    match (left, right) {
        (Value::Object(left), Value::Object(right)) => maps_have_conflicts(left, right, ty),
        _ => Err(PatchError::BadJsonDocument),
    }
}

pub(super) fn maps_have_conflicts(left: &Object, right: &Object, ty: TypeRef<'_>) -> Result<bool, PatchError> {
    match (left.get(DIRECTIVE), right.get(DIRECTIVE)) {
        (l, r) if l != r => return Ok(true),
        _ => {}
    }
    for (name, left) in left
        .iter()
        .filter(|(name, _)| *name != DIRECTIVE && *name != RETAIN_KEYS)
    {
        let Some(right) = right.get(name) else { continue };
        // The directives for a list are lists of no field; upstream finds none and reports that.
        let meta = match left {
            Value::Array(_) => Some(list_field(ty, name)?),
            Value::Object(_) => Some(object_field(ty, name)?),
            _ => None,
        };
        if values_have_conflicts(left, right, meta)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn values_have_conflicts(left: &Value, right: &Value, meta: Option<FieldMeta<'_>>) -> Result<bool, PatchError> {
    match (left, right, meta) {
        (Value::Object(left), Value::Object(right), Some(meta)) => {
            if left.get(DIRECTIVE) == right.get(DIRECTIVE) && meta.strategy == PatchStrategy::Replace {
                return Ok(false);
            }
            maps_have_conflicts(left, right, meta.ty)
        }
        (Value::Array(left), Value::Array(right), Some(meta)) => lists_have_conflicts(left, right, meta),
        _ => Ok(left != right),
    }
}

fn lists_have_conflicts(left: &[Value], right: &[Value], meta: FieldMeta<'_>) -> Result<bool, PatchError> {
    let kind = element_kind(&[left, right])?;
    // What is known of an element's fields, none of which is a merged list itself.
    let below = FieldMeta {
        strategy: PatchStrategy::None,
        merge_key: "",
        ..meta
    };
    if meta.strategy.merges() {
        if kind != ElementKind::Map {
            return Ok(false);
        }
        for item in left {
            let key = merge_key_of(item, meta.merge_key)?;
            for other in right {
                if merge_key_of(other, meta.merge_key)? == key && values_have_conflicts(item, other, Some(below))? {
                    return Ok(true);
                }
            }
        }
        return Ok(false);
    }
    if left.len() != right.len() {
        return Ok(true);
    }
    let sorted = |items: &[Value]| match kind {
        ElementKind::Map => items.to_vec(),
        ElementKind::Scalar => sort_scalars(&deduplicate(items.to_vec())),
    };
    let (left, right) = (sorted(left), sorted(right));
    if left.len() != right.len() {
        return Ok(true);
    }
    for (left, right) in left.iter().zip(&right) {
        if values_have_conflicts(left, right, Some(below))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn merge_key_of(item: &Value, merge_key: &str) -> Result<String, PatchError> {
    item.get(merge_key).map(go::plain).ok_or_else(|| {
        let item = go::plain(item);
        PatchError::Other(format!(
            "cannot find merge key `{merge_key}` in merging list element:{item}"
        ))
    })
}
