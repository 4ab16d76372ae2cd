//! Errors, in upstream's words.

use serde_json::Value;

use super::Object;
use crate::apply::go;

/// Why a patch cannot be applied or made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    /// A document is no JSON object.
    #[error("invalid JSON document")]
    BadJsonDocument,
    /// Lists of lists have no strategy.
    #[error("lists of lists are not supported")]
    ListOfLists,
    /// `$deleteFromPrimitiveList` is malformed.
    #[error("invalid patch format of primitive list")]
    PrimitiveListFormat,
    /// `$retainKeys` is malformed or does not name every field of the patch.
    #[error("invalid patch format of retainKeys")]
    RetainKeysFormat,
    /// `$setElementOrder` is malformed.
    #[error("invalid patch format of setElementOrder list")]
    SetElementOrderFormat,
    /// The kind has no strategic merge patch, as custom resources.
    #[error("strategic merge patch format is not supported")]
    Unsupported,
    /// An element of a list has no merge key.
    #[error("map: {map} does not contain declared merge key: {key}")]
    NoMergeKey {
        /// The element, as Go prints it.
        map: String,
        /// The key.
        key: String,
    },
    /// A value has another shape than is needed.
    #[error("expected a {expected}, but received a {actual}")]
    ArgumentType {
        /// The Go type that is needed.
        expected: &'static str,
        /// The Go type that was found.
        actual: &'static str,
    },
    /// `$patch` has an unknown value.
    #[error("unknown patch type: {directive} in map: {map}")]
    PatchType {
        /// The value.
        directive: String,
        /// The map it is in, as Go prints it.
        map: String,
    },
    /// The patch changes what it must not change.
    #[error("precondition failed for: {0}")]
    Precondition(String),
    /// The object was changed by others where the patch changes it.
    #[error("patch:\n{patch}\nconflicts with changes made from original to current:\n{changes}\n")]
    Conflict {
        /// The patch, as YAML.
        patch: String,
        /// The others' changes, as YAML.
        changes: String,
    },
    /// Any other fault.
    #[error("{0}")]
    Other(String),
}

/// Go's name of the type of a JSON object.
pub(super) const MAP_TYPE: &str = "map[string]interface {}";
/// Go's name of the type of a JSON array.
pub(super) const LIST_TYPE: &str = "[]interface {}";

impl PatchError {
    pub(super) fn no_merge_key(map: &Object, key: &str) -> Self {
        Self::NoMergeKey {
            map: go::plain(&Value::Object(map.clone())),
            key: key.to_owned(),
        }
    }

    pub(super) fn argument(expected: &'static str, actual: &Value) -> Self {
        let actual = if actual.is_null() {
            "%!s(<nil>)"
        } else {
            go::type_name(actual)
        };
        Self::ArgumentType { expected, actual }
    }

    pub(super) fn patch_type(directive: &Value, map: &Object) -> Self {
        let directive = match directive {
            Value::String(s) => s.clone(),
            Value::Null => "%!s(<nil>)".to_owned(),
            other => format!("%!s({}={})", go::type_name(other), go::plain(other)),
        };
        Self::PatchType {
            directive,
            map: go::plain(&Value::Object(map.clone())),
        }
    }
}

/// The list in `value`.
pub(super) fn list(value: &Value) -> Result<&Vec<Value>, PatchError> {
    value.as_array().ok_or_else(|| PatchError::argument(LIST_TYPE, value))
}

/// The object in `value`.
pub(super) fn map(value: &Value) -> Result<&Object, PatchError> {
    value.as_object().ok_or_else(|| PatchError::argument(MAP_TYPE, value))
}
