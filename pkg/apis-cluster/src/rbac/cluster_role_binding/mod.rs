//! `ClusterRoleBinding`: gives the rules of a role to subjects, everywhere.

use apimachinery::field::ErrorList;
use k8s_api::rbac::v1::ClusterRoleBinding;

use crate::common;

/// Fills in the API group of the role and of the subjects.
pub fn set_defaults(binding: &mut ClusterRoleBinding) {
    super::set_role_ref_defaults(&mut binding.role_ref);
    super::set_subject_defaults(&mut binding.subjects);
}

/// Every fault of a new binding.
#[must_use]
pub fn validate(binding: &ClusterRoleBinding) -> ErrorList {
    let mut errors = common::object_meta(&binding.metadata, false, common::name_is_path_segment);
    errors.append(super::validate_role_ref(&binding.role_ref, &["ClusterRole"]));
    errors.append(super::validate_subjects(&binding.subjects, false));
    errors
}

/// Every fault of an update; the role stays.
#[must_use]
pub fn validate_update(new: &ClusterRoleBinding, old: &ClusterRoleBinding) -> ErrorList {
    let mut errors = validate(new);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    errors.extend(super::validate_role_ref_update(&new.role_ref, &old.role_ref));
    errors
}
