//! Deployments and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::apps::deployment;
use k8s_api::apps::v1::Deployment;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{DeploymentStrategy, StatusStrategy};

/// The resource `deployments`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new("deployments", DeploymentStrategy, deployment::set_defaults)
        .table(COLUMNS, row)
        .template(settings, "spec.template.spec", |it: &Deployment| {
            Some(&it.spec.template)
        })
        .field_annotations(&[deployment::ROLLBACK_ANNOTATION])
        .update("status", StatusStrategy)
        .scale::<Deployment>()
}
