//! Controller revisions.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::ControllerRevisionStrategy;

/// The resource `controllerrevisions`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("controllerrevisions", ControllerRevisionStrategy, no_defaults).table(COLUMNS, row)
}
