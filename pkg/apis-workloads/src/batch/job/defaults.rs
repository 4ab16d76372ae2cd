//! What a job is when nothing is said.

use k8s_api::batch::v1::{Job, JobSpec};

use super::NON_INDEXED;
use crate::common::template::set_template_defaults;

/// Sets the defaults.
pub fn set_defaults(job: &mut Job) {
    let spec = &mut job.spec;
    if spec.completions.is_none() && spec.parallelism.is_none() {
        spec.completions = Some(1);
    }
    spec.parallelism.get_or_insert(1);
    let limit = if spec.backoff_limit_per_index.is_some() {
        i32::MAX
    } else {
        6
    };
    spec.backoff_limit.get_or_insert(limit);
    if job.metadata.labels.is_empty() {
        job.metadata.labels = spec.template.metadata.labels.clone();
    }
    spec.completion_mode.get_or_insert_with(|| NON_INDEXED.into());
    spec.suspend.get_or_insert(false);
    let replacement = if spec.pod_failure_policy.is_some() {
        "Failed"
    } else {
        "TerminatingOrFailed"
    };
    spec.pod_replacement_policy.get_or_insert_with(|| replacement.into());
    spec.manual_selector.get_or_insert(false);
    set_spec_nested_defaults(spec);
}

/// Sets the defaults inside of a job spec, which the template of a cron job has as well.
pub fn set_spec_nested_defaults(spec: &mut JobSpec) {
    if let Some(policy) = &mut spec.pod_failure_policy {
        let patterns = policy.rules.iter_mut().flat_map(|rule| &mut rule.on_pod_conditions);
        for pattern in patterns.filter(|pattern| pattern.status.is_empty()) {
            pattern.status = "True".into();
        }
    }
    set_template_defaults(&mut spec.template);
}
