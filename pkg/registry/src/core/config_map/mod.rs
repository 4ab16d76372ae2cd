//! Config maps.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::ConfigMapStrategy;

/// The resource `configmaps`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("configmaps", ConfigMapStrategy, no_defaults).table(COLUMNS, row)
}
