//! Stateful sets and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::apps::stateful_set;
use k8s_api::apps::v1::StatefulSet;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{StatefulSetStrategy, StatusStrategy};

/// The resource `statefulsets`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("statefulsets", StatefulSetStrategy, stateful_set::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
        .scale::<StatefulSet>()
}
