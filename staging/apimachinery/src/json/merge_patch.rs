//! JSON merge patch (RFC 7396), as upstream's library applies it.

use serde_json::{Map, Value};

/// Why a merge patch cannot be applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MergePatchError {
    /// The document is `null`.
    #[error("Invalid JSON Document")]
    Document,
    /// The patch is neither an object nor an array.
    #[error("Invalid JSON Patch")]
    Patch,
}

/// Applies `patch` to `document`: members of `null` are removed, objects merged, everything else
/// replaced. Members of `null` inside what is new are dropped.
///
/// # Errors
/// If the document is `null`, or the patch is neither an object nor an array.
pub fn merge_patch(document: &mut Value, patch: Value) -> Result<(), MergePatchError> {
    if document.is_null() {
        return Err(MergePatchError::Document);
    }
    match (document, patch) {
        (Value::Object(document), Value::Object(patch)) => merge(document, patch),
        (document, mut patch @ (Value::Object(_) | Value::Array(_))) => {
            prune(&mut patch);
            *document = patch;
        }
        _ => return Err(MergePatchError::Patch),
    }
    Ok(())
}

fn merge(document: &mut Map<String, Value>, patch: Map<String, Value>) {
    for (key, mut value) in patch {
        if value.is_null() {
            document.remove(&key);
            continue;
        }
        match (document.get_mut(&key), value) {
            (Some(Value::Object(current)), Value::Object(value)) => merge(current, value),
            // The elements of a list that replaces an object stay as they are.
            (Some(Value::Object(_)), replacement) => {
                document.insert(key, replacement);
            }
            (_, replacement) => {
                value = replacement;
                prune(&mut value);
                document.insert(key, value);
            }
        }
    }
}

/// Drops the members of `null` of all objects inside.
fn prune(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(prune);
        }
        Value::Array(items) => items.iter_mut().for_each(prune),
        _ => {}
    }
}

/// The patch that makes `modified` of `original`; an empty object if they are equal.
///
/// A member that is `null` in `modified` is removed by the patch, which cannot say it otherwise.
#[must_use]
pub fn create_merge_patch(original: &Map<String, Value>, modified: &Map<String, Value>) -> Map<String, Value> {
    let mut patch = Map::new();
    for (key, new) in modified {
        match (original.get(key), new) {
            (Some(old), new) if old == new => {}
            (Some(Value::Object(old)), Value::Object(new)) => {
                patch.insert(key.clone(), create_merge_patch(old, new).into());
            }
            _ => {
                patch.insert(key.clone(), new.clone());
            }
        }
    }
    for key in original.keys().filter(|key| !modified.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    patch
}
