//! Replication controllers and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::replication_controller;
use k8s_api::core::v1::ReplicationController;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{ReplicationControllerStrategy, StatusStrategy};

/// The resource `replicationcontrollers`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new(
        "controllers",
        ReplicationControllerStrategy,
        replication_controller::set_defaults,
    )
    .table(COLUMNS, row)
    .template(settings, "spec.template.spec", |it: &ReplicationController| {
        it.spec.template.as_deref()
    })
    .update("status", StatusStrategy)
    .scale::<ReplicationController>()
}
