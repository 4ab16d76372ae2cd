//! Daemon sets and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::apps::daemon_set;
use k8s_api::apps::v1::DaemonSet;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{DaemonSetStrategy, StatusStrategy};

/// The resource `daemonsets`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new("daemonsets", DaemonSetStrategy, daemon_set::set_defaults)
        .table(COLUMNS, row)
        .template(settings, "spec.template.spec", |it: &DaemonSet| Some(&it.spec.template))
        .field_annotations(&[daemon_set::TEMPLATE_GENERATION_ANNOTATION])
        .update("status", StatusStrategy)
}
