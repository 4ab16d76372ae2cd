//! Cron jobs and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_workloads::batch::cron_job;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{CronJobStrategy, StatusStrategy};

/// The resource `cronjobs`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("cronjobs", CronJobStrategy, cron_job::set_defaults)
        .table(COLUMNS, row)
        .update("status", StatusStrategy)
}
