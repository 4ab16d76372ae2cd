//! Priority classes.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::scheduling::priority_class;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::PriorityClassStrategy;

/// The resource `priorityclasses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("priorityclasses", PriorityClassStrategy, priority_class::set_defaults).table(COLUMNS, row)
}
