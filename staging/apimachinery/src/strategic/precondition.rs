//! What a new patch must not change.

use serde_json::Value;

use super::{Object, PatchError};
use crate::apply::go;

/// Whether a patch may be sent.
pub type Precondition<'a> = &'a dyn Fn(&Object) -> bool;

/// The patch does not touch the top-level member `key`.
pub fn require_key_unchanged(key: &str) -> impl Fn(&Object) -> bool + '_ {
    move |patch| !patch.contains_key(key)
}

/// The patch does not touch `metadata.<key>`.
pub fn require_metadata_key_unchanged(key: &str) -> impl Fn(&Object) -> bool + '_ {
    move |patch| {
        patch
            .get("metadata")
            .and_then(Value::as_object)
            .is_none_or(|m| !m.contains_key(key))
    }
}

pub(super) fn check(patch: &Object, preconditions: &[Precondition<'_>]) -> Result<(), PatchError> {
    if preconditions.iter().all(|holds| holds(patch)) {
        Ok(())
    } else {
        Err(PatchError::Precondition(go::plain(&Value::Object(patch.clone()))))
    }
}
