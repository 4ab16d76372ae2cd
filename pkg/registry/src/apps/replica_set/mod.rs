//! Replica sets and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::apps::replica_set;
use k8s_api::apps::v1::ReplicaSet;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{ReplicaSetStrategy, StatusStrategy};

/// The resource `replicasets`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new("replicasets", ReplicaSetStrategy, replica_set::set_defaults)
        .table(COLUMNS, row)
        .template(settings, "spec.template.spec", |it: &ReplicaSet| {
            Some(&it.spec.template)
        })
        .update("status", StatusStrategy)
        .scale::<ReplicaSet>()
}
