//! Replication controllers and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::replication_controller;
use k8s_api::core::v1::ReplicationController;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{ReplicationControllerStrategy, StatusStrategy};

/// The resource `replicationcontrollers`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "controllers",
        ReplicationControllerStrategy,
        replication_controller::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", StatusStrategy)
    .scale::<ReplicationController>()
}
