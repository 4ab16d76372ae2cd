//! Cron jobs and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::batch::cron_job;
use k8s_api::batch::v1::CronJob;

use crate::{Settings, registration::Registration};

pub use printer::{COLUMNS, row};
pub use strategy::{CronJobStrategy, StatusStrategy};

/// The resource `cronjobs`.
#[must_use]
pub fn registration(settings: &Settings) -> Registration {
    Registration::new("cronjobs", CronJobStrategy, cron_job::set_defaults)
        .table(COLUMNS, row)
        .template(settings, "spec.jobTemplate.spec.template.spec", |it: &CronJob| {
            Some(&it.spec.job_template.spec.template)
        })
        .update("status", StatusStrategy)
}
