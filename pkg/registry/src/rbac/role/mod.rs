//! Roles.

mod strategy;

use crate::registration::{Registration, no_defaults};

pub use strategy::RoleStrategy;

/// The resource `roles`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("roles", RoleStrategy, no_defaults)
}
