//! Leases.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::LeaseStrategy;

/// The resource `leases`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("leases", LeaseStrategy, no_defaults).table(COLUMNS, row)
}
