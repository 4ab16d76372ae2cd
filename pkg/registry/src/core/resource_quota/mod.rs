//! Resource quotas and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::resource_quota;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{ResourceQuotaStrategy, StatusStrategy};

/// The resource `resourcequotas`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("resourcequotas", ResourceQuotaStrategy, resource_quota::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
        .returns_deleted_object()
}
