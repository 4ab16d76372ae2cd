//! The controllers of work that ends: jobs, cron jobs, and the clean-up of jobs that have finished.

mod cronjob;
mod job;
mod ttl_after_finished;

use controller::Descriptor;
use k8s_api::batch::v1::{Job, JobCondition};

/// The controllers of this crate.
pub const DESCRIPTORS: &[Descriptor] = &[job::JOB, cronjob::CRON_JOB, ttl_after_finished::TTL_AFTER_FINISHED];

/// The condition that a job has ended with, if it has.
fn finished(job: &Job) -> Option<&JobCondition> {
    job.status
        .conditions
        .iter()
        .find(|condition| matches!(condition.type_.as_str(), "Complete" | "Failed") && condition.status == "True")
}
