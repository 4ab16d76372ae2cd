//! Daemon sets and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::apps::daemon_set;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{DaemonSetStrategy, StatusStrategy};

/// The resource `daemonsets`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("daemonsets", DaemonSetStrategy, daemon_set::set_defaults)
        .table(COLUMNS, row)
        .field_annotations(&[daemon_set::TEMPLATE_GENERATION_ANNOTATION])
        .update("status", StatusStrategy)
}
