//! Merging lists.

use k8s_api::reflect::TypeRef;
use serde_json::Value;

use super::DIRECTIVE;
use super::error::{self, PatchError};
use super::merge::{Mode, merge_map};
use super::meta::{FieldMeta, go_kind};
use super::order::{ElementKind, Elements, element_kind};

/// A list of scalars without the elements of `patch`; `None` if these are no scalars.
pub(super) fn deleted_or_kept(current: &[Value], patch: &[Value]) -> Result<Option<Vec<Value>>, PatchError> {
    if current.is_empty() && patch.is_empty() {
        return Ok(Some(Vec::new()));
    }
    if element_kind(&[current, patch])? == ElementKind::Map {
        return Ok(None);
    }
    Ok(Some(current.iter().filter(|v| !patch.contains(v)).cloned().collect()))
}

/// The union of two lists, ordered by the patch.
pub(super) fn merge_list(
    original: Vec<Value>,
    patch: Vec<Value>,
    meta: FieldMeta<'_>,
    mode: Mode,
) -> Result<Vec<Value>, PatchError> {
    if original.is_empty() && patch.is_empty() {
        return Ok(original);
    }
    let kind = element_kind(&[&original, &patch])?;
    let elements = Elements::new(kind, meta.merge_key);
    let (merged, original, patch) = if kind == ElementKind::Map {
        if meta.merge_key.is_empty() {
            return Err(PatchError::Other(format!(
                "cannot merge lists without merge key for {}",
                go_kind(meta.ty)
            )));
        }
        let (original, patch) = special_elements(original, patch, meta.merge_key)?;
        let merged = merge_elements(original.clone(), patch.clone(), meta.merge_key, meta.ty, mode)?;
        (merged, original, patch)
    } else {
        let both = original.iter().chain(&patch).cloned().collect();
        (deduplicate(both), original, patch)
    };
    let (named, others) = elements.partition(merged, &patch)?;
    elements.normalize(named, others, &patch, &original)
}

/// Drops repeated scalars; the gap is filled with the last element, as upstream does.
pub(super) fn deduplicate(mut items: Vec<Value>) -> Vec<Value> {
    let mut i = 0;
    while i < items.len() {
        let mut j = i + 1;
        while j < items.len() {
            if items[i] == items[j] {
                items.swap_remove(j);
            } else {
                j += 1;
            }
        }
        i += 1;
    }
    items
}

/// Carries out the elements with a `$patch` directive: what is left of both lists. After a
/// `replace` the patch's elements are the list.
fn special_elements(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    merge_key: &str,
) -> Result<(Vec<Value>, Vec<Value>), PatchError> {
    let mut plain = Vec::with_capacity(patch.len());
    let mut replace = false;
    for item in patch {
        let map = error::map(&item)?;
        let Some(directive) = map.get(DIRECTIVE) else {
            plain.push(item);
            continue;
        };
        match directive.as_str() {
            Some("delete") => {
                let key = map
                    .get(merge_key)
                    .ok_or_else(|| PatchError::no_merge_key(map, merge_key))?;
                while let Some(index) = find(&original, merge_key, key)? {
                    original.remove(index);
                }
            }
            Some("replace") => replace = true,
            Some("merge") => {
                return Err(PatchError::Other(
                    "merging lists cannot yet be specified in the patch".to_owned(),
                ));
            }
            _ => return Err(PatchError::patch_type(directive, map)),
        }
    }
    Ok(if replace {
        (plain, Vec::new())
    } else {
        (original, plain)
    })
}

/// The first element whose merge key has this value.
pub(super) fn find(items: &[Value], merge_key: &str, key: &Value) -> Result<Option<usize>, PatchError> {
    for (index, item) in items.iter().enumerate() {
        let Value::Object(map) = item else {
            return Err(PatchError::Other(format!("value for key {index} is not a map")));
        };
        if map.get(merge_key) == Some(key) {
            return Ok(Some(index));
        }
    }
    Ok(None)
}

fn merge_elements(
    mut original: Vec<Value>,
    patch: Vec<Value>,
    merge_key: &str,
    ty: TypeRef<'_>,
    mode: Mode,
) -> Result<Vec<Value>, PatchError> {
    for item in patch {
        let map = error::map(&item)?;
        let key = map
            .get(merge_key)
            .ok_or_else(|| PatchError::no_merge_key(map, merge_key))?;
        match find(&original, merge_key, key)? {
            Some(index) => {
                if let (Value::Object(current), Value::Object(patch)) = (original[index].take(), item) {
                    original[index] = Value::Object(merge_map(current, patch, ty, mode)?);
                }
            }
            None => original.push(item),
        }
    }
    Ok(original)
}
