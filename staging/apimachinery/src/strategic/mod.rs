//! Strategic merge patch: a merge patch that knows from the schema how lists are merged.
//!
//! * [`apply_patch`] is what the server does with a patch.
//! * [`create_two_way_merge_patch`] and [`create_three_way_merge_patch`] make patches, for kubectl
//!   and controllers; [`merge_patches`] makes one patch of several.
//!
//! Directives: `$patch` (`replace`, `delete`; `merge` is refused as upstream does),
//! `$retainKeys`, `$setElementOrder/<list>`, `$deleteFromPrimitiveList/<list>`; `null` deletes.
//! Corresponds upstream to `k8s.io/apimachinery/pkg/util/strategicpatch`, whose messages clients see.

mod conflict;
mod diff;
mod error;
mod list;
mod merge;
mod meta;
mod order;
mod precondition;
#[cfg(test)]
mod tests;
mod three_way;
mod yaml;

pub use conflict::patches_have_conflicts;
pub use error::PatchError;
pub use precondition::{Precondition, require_key_unchanged, require_metadata_key_unchanged};
pub use three_way::{create_three_way_merge_patch, create_two_way_merge_patch};

use k8s_api::reflect::TypeRef;
use serde_json::{Map, Value};

/// A JSON object.
type Object = Map<String, Value>;

/// How a map of a patch is treated.
const DIRECTIVE: &str = "$patch";
/// The only keys that a map keeps.
const RETAIN_KEYS: &str = "$retainKeys";
/// The order of a list's elements; followed by `/` and the list's name.
const SET_ELEMENT_ORDER: &str = "$setElementOrder";
/// Elements to take out of a list of scalars; followed by `/` and the list's name.
const DELETE_FROM_PRIMITIVE_LIST: &str = "$deleteFromPrimitiveList";

fn object(value: Value) -> Result<Object, PatchError> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(Object::new()),
        _ => Err(PatchError::BadJsonDocument),
    }
}

/// The object with the patch applied.
///
/// # Errors
/// If the patch is malformed or does not fit the type.
pub fn apply_patch(original: Value, patch: Value, ty: TypeRef<'_>) -> Result<Value, PatchError> {
    merge::merge_map(object(original)?, object(patch)?, ty, merge::Mode::Apply).map(Value::Object)
}

/// One patch that does what these do one after the other. Later ones win where they differ; see
/// [`patches_have_conflicts`].
///
/// # Errors
/// If a patch is malformed or does not fit the type.
pub fn merge_patches(patches: impl IntoIterator<Item = Value>, ty: TypeRef<'_>) -> Result<Value, PatchError> {
    let mut merged = Object::new();
    for patch in patches {
        merged = merge::merge_map(merged, object(patch)?, ty, merge::Mode::Combine)?;
    }
    Ok(Value::Object(merged))
}
