//! Stateful sets and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::apps::stateful_set;
use k8s_api::apps::v1::StatefulSet;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{StatefulSetStrategy, StatusStrategy};

/// The resource `statefulsets`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new("statefulsets", StatefulSetStrategy, stateful_set::set_defaults)
        .table(COLUMNS, row)
        .template(settings, "spec.template.spec", |it: &StatefulSet| {
            Some(&it.spec.template)
        })
        .update("status", StatusStrategy)
        .scale::<StatefulSet>()
}
