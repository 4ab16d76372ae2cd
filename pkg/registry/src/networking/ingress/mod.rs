//! Ingresses and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::{IngressStrategy, StatusStrategy};

/// The resource `ingresses`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("ingress", IngressStrategy, no_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
}
