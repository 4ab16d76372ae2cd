//! What a table shows of role bindings.

use apiserver::registry::{Column, Row};
use k8s_api::rbac::v1::RoleBinding;

use super::super::{BINDING_COLUMNS, binding_row};

/// The columns.
pub const COLUMNS: &[Column] = BINDING_COLUMNS;

/// The cells of one binding.
#[must_use]
pub fn row(binding: &RoleBinding, now: jiff::Timestamp) -> Row {
    binding_row(&binding.metadata, &binding.role_ref, &binding.subjects, now)
}
