//! Services and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::service;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{ServiceStrategy, StatusStrategy};

/// The resource `services`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("services/specs", ServiceStrategy, service::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
        .returns_deleted_object()
}
