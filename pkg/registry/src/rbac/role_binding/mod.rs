//! Role bindings.

mod printer;
mod strategy;

use apis_cluster::rbac::role_binding;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::RoleBindingStrategy;

/// The resource `rolebindings`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("rolebindings", RoleBindingStrategy, role_binding::set_defaults).table(COLUMNS, row)
}
