//! Disruption budgets and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::{PodDisruptionBudgetStrategy, StatusStrategy};

/// The resource `poddisruptionbudgets`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("poddisruptionbudgets", PodDisruptionBudgetStrategy, no_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
}
