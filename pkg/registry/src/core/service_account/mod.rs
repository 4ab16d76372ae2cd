//! Service accounts.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;
mod tokens;

use crate::registration::{Registration, no_defaults};

pub use printer::{COLUMNS, row};
pub use strategy::ServiceAccountStrategy;
pub use tokens::Tokens;

/// The resource `serviceaccounts`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("serviceaccounts", ServiceAccountStrategy, no_defaults)
        .table(COLUMNS, row)
        .returns_deleted_object()
}
