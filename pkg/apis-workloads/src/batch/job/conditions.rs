//! What the conditions of a job say.

use k8s_api::batch::v1::{Job, JobCondition};

pub(super) fn has_status(conditions: &[JobCondition], type_: &str, status: &str) -> bool {
    conditions
        .iter()
        .any(|condition| condition.type_ == type_ && condition.status == status)
}

/// Whether the condition of that type is true.
#[must_use]
pub fn is_condition_true(conditions: &[JobCondition], type_: &str) -> bool {
    has_status(conditions, type_, "True")
}

/// Whether the job succeeded.
#[must_use]
pub fn is_complete(job: &Job) -> bool {
    is_condition_true(&job.status.conditions, "Complete")
}

/// Whether the job failed.
#[must_use]
pub fn is_failed(job: &Job) -> bool {
    is_condition_true(&job.status.conditions, "Failed")
}

/// Whether the job came to an end.
#[must_use]
pub fn is_finished(job: &Job) -> bool {
    is_complete(job) || is_failed(job)
}
