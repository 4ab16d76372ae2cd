//! Priority classes.

mod hooks;
mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apis_workloads::scheduling::priority_class;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::PriorityClassStrategy;

/// The resource `priorityclasses`.
#[must_use]
pub fn registration() -> Registration {
    let mut registration =
        Registration::new("priorityclasses", PriorityClassStrategy, priority_class::set_defaults).table(COLUMNS, row);
    registration.hooks = Arc::new(hooks::PriorityClassHooks);
    registration
}
