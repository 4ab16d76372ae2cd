//! Jobs and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::batch::job;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{JobStrategy, StatusStrategy};

/// The resource `jobs`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("jobs", JobStrategy, job::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
}
