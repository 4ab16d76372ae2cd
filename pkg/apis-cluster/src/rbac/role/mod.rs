//! `Role`: rules within one namespace.

use apimachinery::field::ErrorList;
use k8s_api::rbac::v1::Role;

use crate::common;

/// Every fault of a new role.
#[must_use]
pub fn validate(role: &Role) -> ErrorList {
    let mut errors = common::object_meta(&role.metadata, true, common::name_is_path_segment);
    errors.append(super::validate_rules(&role.rules, true));
    errors
}

/// Every fault of an update.
#[must_use]
pub fn validate_update(new: &Role, old: &Role) -> ErrorList {
    let mut errors = validate(new);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors
}
