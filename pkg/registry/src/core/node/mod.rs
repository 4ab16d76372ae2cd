//! Nodes and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::node;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{NodeStrategy, StatusStrategy};

/// The resource `nodes`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("minions", NodeStrategy, node::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
}
