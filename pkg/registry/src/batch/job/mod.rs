//! Jobs and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::batch::job;
use k8s_api::batch::v1::Job;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{JobStrategy, StatusStrategy};

/// The resource `jobs`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new("jobs", JobStrategy, job::set_defaults)
        .table(COLUMNS, row)
        .template(settings, "spec.template.spec", |it: &Job| Some(&it.spec.template))
        .update("status", StatusStrategy)
}
