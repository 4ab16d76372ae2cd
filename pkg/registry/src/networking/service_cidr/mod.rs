//! Ranges of service addresses and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::{ServiceCIDRStrategy, StatusStrategy};

/// The resource `servicecidrs`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("servicecidrs", ServiceCIDRStrategy, no_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
}
