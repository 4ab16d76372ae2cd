//! Making patches.

use k8s_api::reflect::TypeRef;
use serde_json::Value;

use super::conflict::maps_have_conflicts;
use super::diff::{DiffOptions, diff_maps};
use super::merge::{Mode, merge_map};
use super::precondition::{Precondition, check};
use super::yaml::to_yaml;
use super::{PatchError, object};

/// The patch that turns `original` into `modified`.
///
/// # Errors
/// If a list has no usable merge keys or a precondition does not hold.
pub fn create_two_way_merge_patch(
    original: Value,
    modified: Value,
    ty: TypeRef<'_>,
    preconditions: &[Precondition<'_>],
) -> Result<Value, PatchError> {
    let options = DiffOptions {
        set_element_order: true,
        ..DiffOptions::default()
    };
    let patch = diff_maps(&object(original)?, &object(modified)?, ty, options)?;
    check(&patch, preconditions)?;
    Ok(Value::Object(patch))
}

/// The patch that makes `current` agree with `modified`, deleting only what `original` (the
/// configuration applied before) had.
///
/// # Errors
/// As for two-way patches; unless `overwrite`, also if `current` was changed since `original` where
/// the patch changes it.
pub fn create_three_way_merge_patch(
    original: Value,
    modified: Value,
    current: Value,
    ty: TypeRef<'_>,
    overwrite: bool,
    preconditions: &[Precondition<'_>],
) -> Result<Value, PatchError> {
    let (original, modified, current) = (object(original)?, object(modified)?, object(current)?);
    let additions = DiffOptions {
        ignore_deletions: true,
        set_element_order: true,
        ..DiffOptions::default()
    };
    let delta = diff_maps(&current, &modified, ty, additions)?;
    let deletions = DiffOptions {
        ignore_changes_and_additions: true,
        set_element_order: true,
        ..DiffOptions::default()
    };
    let deleted = diff_maps(&original, &modified, ty, deletions)?;
    let patch = merge_map(deleted, delta, ty, Mode::Combine)?;
    check(&patch, preconditions)?;
    if !overwrite {
        let changes = diff_maps(&original, &current, ty, DiffOptions::default())?;
        if maps_have_conflicts(&patch, &changes, ty)? {
            let yaml = |map| to_yaml(&Value::Object(map));
            return Err(PatchError::Conflict {
                patch: yaml(patch),
                changes: yaml(changes),
            });
        }
    }
    Ok(Value::Object(patch))
}
