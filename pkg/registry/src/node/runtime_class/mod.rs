//! Runtime classes.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::RuntimeClassStrategy;

/// The resource `runtimeclasses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("runtimeclasses", RuntimeClassStrategy, no_defaults).table(COLUMNS, row)
}
