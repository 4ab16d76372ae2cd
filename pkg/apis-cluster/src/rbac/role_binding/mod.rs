//! `RoleBinding`: gives the rules of a role to subjects, within one namespace.

use apimachinery::field::ErrorList;
use k8s_api::rbac::v1::RoleBinding;

use crate::common;

/// Fills in the API group of the role and of the subjects.
pub fn set_defaults(binding: &mut RoleBinding) {
    super::set_role_ref_defaults(&mut binding.role_ref);
    super::set_subject_defaults(&mut binding.subjects);
}

/// Every fault of a new binding.
#[must_use]
pub fn validate(binding: &RoleBinding) -> ErrorList {
    let mut errors = common::object_meta(&binding.metadata, true, common::name_is_path_segment);
    errors.append(super::validate_role_ref(&binding.role_ref, &["Role", "ClusterRole"]));
    errors.append(super::validate_subjects(&binding.subjects, true));
    errors
}

/// Every fault of an update; the role stays.
#[must_use]
pub fn validate_update(new: &RoleBinding, old: &RoleBinding) -> ErrorList {
    let mut errors = validate(new);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors.extend(super::validate_role_ref_update(&new.role_ref, &old.role_ref));
    errors
}
