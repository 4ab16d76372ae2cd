//! Cron jobs.

#[cfg(test)]
mod tests;
mod validation;

use k8s_api::batch::v1::CronJob;

use super::job;
use crate::common::{SPEC, pod_name_warning};

pub use validation::{validate, validate_update};

/// Sets the defaults.
pub fn set_defaults(cron_job: &mut CronJob) {
    let spec = &mut cron_job.spec;
    if spec.concurrency_policy.is_empty() {
        spec.concurrency_policy = "Allow".into();
    }
    spec.suspend.get_or_insert(false);
    spec.successful_jobs_history_limit.get_or_insert(3);
    spec.failed_jobs_history_limit.get_or_insert(1);
    job::set_spec_nested_defaults(&mut spec.job_template.spec);
}

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(cron_job: &CronJob) -> Vec<String> {
    let mut warnings: Vec<_> = pod_name_warning(&cron_job.metadata.name).into_iter().collect();
    let path = SPEC.child("jobTemplate.spec");
    warnings.extend(job::spec_warnings(&path, &cron_job.spec.job_template.spec));
    warnings
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(new: &CronJob, old: &CronJob) -> Vec<String> {
    let mut warnings = Vec::new();
    if new.metadata.generation != old.metadata.generation {
        let path = SPEC.child("jobTemplate.spec");
        warnings = job::spec_warnings(&path, &new.spec.job_template.spec);
    }
    if new.spec.schedule.contains("TZ") {
        // The doubled member is upstream's.
        warnings.push(
            "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see \
             https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details"
                .into(),
        );
    }
    warnings
}
