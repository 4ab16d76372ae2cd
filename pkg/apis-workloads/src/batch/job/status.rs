//! What the status of a job must be, and how it may change.
//!
//! Controllers other than the built-in one may keep a job's status; these rules make sure that it
//! means what clients take it for. A rule is applied only when the members that it is about change,
//! so that a status with a fault can still be updated elsewhere.

use std::collections::HashSet;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::validate_object_meta_update;
use k8s_api::batch::v1::{Job, UncountedTerminatedPods};

use super::{
    conditions::{has_status, is_complete, is_condition_true, is_failed, is_finished},
    indexes, is_indexed, show,
};
use crate::common::{METADATA, STATUS, nonnegative};

/// Which members of the status change.
#[expect(clippy::struct_excessive_bools, reason = "one fact a member")]
struct Changes {
    finished: bool,
    complete: bool,
    failed: bool,
    failure_target: bool,
    success_criteria_met: bool,
    completed_indexes: bool,
    failed_indexes: bool,
    active: bool,
    start_time: bool,
    completion_time: bool,
    uncounted_pods: bool,
    ready: bool,
    terminating: bool,
}

fn holds(job: &Job, type_: &str) -> bool {
    is_condition_true(&job.status.conditions, type_)
}

impl Changes {
    fn between(new: &Job, old: &Job) -> Self {
        let condition = |type_| holds(new, type_) != holds(old, type_);
        let (status, before) = (&new.status, &old.status);
        Self {
            finished: is_finished(new) != is_finished(old),
            complete: condition("Complete"),
            failed: condition("Failed"),
            failure_target: condition("FailureTarget"),
            success_criteria_met: condition("SuccessCriteriaMet"),
            completed_indexes: status.completed_indexes != before.completed_indexes,
            failed_indexes: status.failed_indexes != before.failed_indexes,
            active: status.active != before.active,
            start_time: status.start_time != before.start_time,
            completion_time: status.completion_time != before.completion_time,
            uncounted_pods: status.uncounted_terminated_pods != before.uncounted_terminated_pods,
            ready: status.ready != before.ready,
            terminating: status.terminating != before.terminating,
        }
    }
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &Job, old: &Job) -> ErrorList {
    let changes = Changes::between(new, old);
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_counters(new, &mut errors);
    validate_times(new, &changes, &mut errors);
    validate_end(new, &changes, &mut errors);
    validate_indexes(new, &changes, &mut errors);
    validate_pods(new, &changes, &mut errors);
    validate_success(new, &mut errors);
    validate_transition(new, old, &changes, &mut errors);
    errors
}

fn refuse_conditions(errors: &mut ErrorList, detail: impl Into<String>) {
    errors.push(Error::invalid(&STATUS.child("conditions"), BadValue::OMITTED, detail));
}

fn validate_counters(job: &Job, errors: &mut ErrorList) {
    let status = &job.status;
    let numbers = [
        ("active", Some(status.active.into())),
        ("succeeded", Some(status.succeeded.into())),
        ("failed", Some(status.failed.into())),
        ("ready", status.ready.map(i64::from)),
        ("terminating", status.terminating.map(i64::from)),
    ];
    nonnegative(&STATUS, numbers, errors);
    if let Some(pods) = &status.uncounted_terminated_pods {
        let path = STATUS.child("uncountedTerminatedPods");
        let mut seen = HashSet::new();
        for (name, uids) in [("succeeded", &pods.succeeded), ("failed", &pods.failed)] {
            let list = path.child(name);
            for (index, uid) in uids.iter().enumerate() {
                validate_uid(uid, &mut seen, &list.index(index), errors);
            }
        }
    }
}

fn validate_uid<'a>(uid: &'a str, seen: &mut HashSet<&'a str>, path: &Path<'_>, errors: &mut ErrorList) {
    if uid.is_empty() {
        errors.push(Error::invalid(path, BadValue::json(&uid), "must not be empty"));
    } else if !seen.insert(uid) {
        errors.push(Error::duplicate(path, BadValue::json(&uid)));
    }
}

fn validate_times(job: &Job, changes: &Changes, errors: &mut ErrorList) {
    let status = &job.status;
    let complete = is_complete(job);
    if (changes.complete || changes.failed) && complete && is_failed(job) {
        refuse_conditions(errors, "cannot set Complete=True and Failed=true conditions");
    }
    if (changes.complete || changes.failure_target) && complete && holds(job, "FailureTarget") {
        refuse_conditions(errors, "cannot set Complete=True and FailureTarget=true conditions");
    }
    let path = STATUS.child("completionTime");
    if changes.complete || changes.completion_time {
        match status.completion_time {
            Some(time) if !complete => {
                let detail = "cannot set completionTime when there is no Complete=True condition";
                errors.push(Error::invalid(&path, BadValue::json(&time), detail));
            }
            None if complete => {
                let detail = "completionTime is required for Complete jobs";
                errors.push(Error::required(&path, detail));
            }
            _ => {}
        }
    }
    if (changes.start_time || changes.completion_time)
        && let (Some(start), Some(completion)) = (status.start_time, status.completion_time)
        && completion < start
    {
        let detail = "must be equal to or after `startTime`";
        errors.push(Error::invalid(&path, BadValue::json(&completion), detail));
    }
}

fn validate_end(job: &Job, changes: &Changes, errors: &mut ErrorList) {
    let status = &job.status;
    if (changes.failed || changes.failed_indexes) && is_failed(job) && !holds(job, "FailureTarget") {
        refuse_conditions(
            errors,
            "cannot set Failed=True condition without the FailureTarget=true condition",
        );
    }
    if (changes.complete || changes.success_criteria_met) && is_complete(job) && !holds(job, "SuccessCriteriaMet") {
        refuse_conditions(
            errors,
            "cannot set Complete=True condition without the SuccessCriteriaMet=true condition",
        );
    }
    if !is_finished(job) {
        return;
    }
    if (changes.finished || changes.active) && status.active > 0 {
        let detail = "active>0 is invalid for finished job";
        errors.push(Error::invalid(&STATUS.child("active"), status.active, detail));
    }
    let nothing_to_do = job.spec.suspend == Some(true) && job.spec.completions == Some(0);
    if (changes.finished || changes.start_time) && !nothing_to_do && status.start_time.is_none() {
        let detail = "startTime is required for finished job";
        errors.push(Error::required(&STATUS.child("startTime"), detail));
    }
    let uncounted = |pods: &&UncountedTerminatedPods| !pods.failed.is_empty() || !pods.succeeded.is_empty();
    if (changes.finished || changes.uncounted_pods)
        && let Some(pods) = status.uncounted_terminated_pods.as_deref().filter(uncounted)
    {
        let path = STATUS.child("uncountedTerminatedPods");
        let detail = "must be empty for finished job";
        errors.push(Error::invalid(&path, show::uncounted_pods(pods), detail));
    }
}

fn validate_indexes(job: &Job, changes: &Changes, errors: &mut ErrorList) {
    let (spec, status) = (&job.spec, &job.status);
    let (completed, failed) = (&status.completed_indexes, status.failed_indexes.as_ref());
    let completed_path = STATUS.child("completedIndexes");
    let failed_path = STATUS.child("failedIndexes");
    if changes.completed_indexes
        && let Some(completions) = spec.completions
        && let Err(error) = indexes::count(completed, completions)
    {
        let detail = format!("error parsing completedIndexes: {error}");
        errors.push(Error::invalid(&completed_path, completed, detail));
    }
    if changes.failed_indexes
        && spec.backoff_limit_per_index.is_some()
        && let (Some(completions), Some(failed)) = (spec.completions, failed)
        && let Err(error) = indexes::count(failed, completions)
    {
        let detail = format!("error parsing failedIndexes: {error}");
        errors.push(Error::invalid(&failed_path, failed, detail));
    }
    if changes.completed_indexes && !completed.is_empty() && !is_indexed(spec) {
        let detail = "cannot set non-empty completedIndexes when non-indexed completion mode";
        errors.push(Error::invalid(&completed_path, completed, detail));
    }
    if changes.failed_indexes
        && spec.backoff_limit_per_index.is_none()
        && let Some(failed) = failed
    {
        let detail = "cannot set non-null failedIndexes when backoffLimitPerIndex is null";
        errors.push(Error::invalid(&failed_path, failed, detail));
    }
    if (changes.failed_indexes || changes.completed_indexes)
        && let (Some(completions), Some(failed)) = (spec.completions, failed)
        && let Err(error) = indexes::check_disjoint(completed, failed, completions)
    {
        errors.push(Error::invalid(&failed_path, failed, error.to_string()));
    }
}

fn validate_pods(job: &Job, changes: &Changes, errors: &mut ErrorList) {
    let status = &job.status;
    if (changes.finished || changes.terminating)
        && is_finished(job)
        && let Some(terminating) = status.terminating.filter(|count| *count > 0)
    {
        let detail = "terminating>0 is invalid for finished job";
        errors.push(Error::invalid(&STATUS.child("terminating"), terminating, detail));
    }
    if (changes.ready || changes.active)
        && let Some(ready) = status.ready.filter(|ready| *ready > status.active)
    {
        let detail = "cannot set more ready pods than active";
        errors.push(Error::invalid(&STATUS.child("ready"), ready, detail));
    }
}

fn validate_success(job: &Job, errors: &mut ErrorList) {
    let met = holds(job, "SuccessCriteriaMet");
    if met && is_failed(job) {
        refuse_conditions(errors, "cannot set SuccessCriteriaMet=True and Failed=true conditions");
    }
    if met && holds(job, "FailureTarget") {
        refuse_conditions(
            errors,
            "cannot set SuccessCriteriaMet=True and FailureTarget=true conditions",
        );
    }
    if job.spec.success_policy.is_some() && !met && is_complete(job) {
        refuse_conditions(
            errors,
            "cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True",
        );
    }
}

fn validate_transition(new: &Job, old: &Job, changes: &Changes, errors: &mut ErrorList) {
    let (status, before) = (&new.status, &old.status);
    for type_ in ["Failed", "Complete", "FailureTarget"] {
        if holds(old, type_) && !holds(new, type_) {
            refuse_conditions(errors, format!("cannot disable the terminal {type_}=True condition"));
        }
    }
    if status.failed < before.failed {
        let detail = "cannot decrease the failed counter";
        errors.push(Error::invalid(&STATUS.child("failed"), status.failed, detail));
    }
    // A job that is done when every pod is may be made smaller.
    let scalable = is_indexed(&new.spec) && new.spec.completions == new.spec.parallelism;
    if !scalable && status.succeeded < before.succeeded {
        let detail = "cannot decrease the succeeded counter";
        errors.push(Error::invalid(&STATUS.child("succeeded"), status.succeeded, detail));
    }
    if let (Some(completion), Some(earlier)) = (status.completion_time, before.completion_time)
        && completion != earlier
    {
        let detail = apis_pod::meta::IMMUTABLE;
        let path = STATUS.child("completionTime");
        errors.push(Error::invalid(&path, BadValue::json(&completion), detail));
    }
    let resuming = holds(old, "Suspended") && has_status(&status.conditions, "Suspended", "False");
    if changes.start_time && !resuming && before.start_time.is_some() && new.spec.suspend != Some(true) {
        let detail = "field is immutable for unsuspended job once set";
        let path = STATUS.child("startTime");
        errors.push(Error::invalid(&path, BadValue::json(&status.start_time), detail));
    }
    let (met, was_met) = (holds(new, "SuccessCriteriaMet"), holds(old, "SuccessCriteriaMet"));
    if was_met && !met {
        refuse_conditions(errors, "cannot disable the SuccessCriteriaMet=True condition");
    }
    if is_complete(old) && !was_met && met {
        refuse_conditions(
            errors,
            "cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions",
        );
    }
}
