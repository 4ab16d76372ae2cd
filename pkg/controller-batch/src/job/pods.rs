//! The pods of a job: their index, their finalizer, whether and when they ended, and how they are made.

use std::sync::Arc;

use controller::workload::pods::{condition, is_terminal};
use k8s_api::batch::v1::Job;
use k8s_api::core::v1::{Container, ContainerStatus, EnvVar, EnvVarSource, ObjectFieldSelector, Pod, PodTemplateSpec};
use k8s_api::primitives::Time;

/// Keeps a pod until the job has counted it.
pub(super) const FINALIZER: &str = "batch.kubernetes.io/job-tracking";
const INDEX: &str = "batch.kubernetes.io/job-completion-index";
const FAILURES: &str = "batch.kubernetes.io/job-index-failure-count";
const IGNORED_FAILURES: &str = "batch.kubernetes.io/job-index-ignored-failure-count";
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// The longest prefix of a generated name.
const PREFIX: usize = 58;

pub(super) fn is_indexed(job: &Job) -> bool {
    job.spec.completion_mode.as_deref() == Some("Indexed")
}

pub(super) fn is_suspended(job: &Job) -> bool {
    job.spec.suspend == Some(true)
}

pub(super) fn completions(job: &Job) -> Option<usize> {
    job.spec.completions.map(|number| usize::try_from(number).unwrap_or(0))
}

/// Whether a pod is replaced only when it has ended, and not when it is about to.
pub(super) fn replaces_failed_only(job: &Job) -> bool {
    job.spec.pod_replacement_policy.as_deref() == Some("Failed") || job.spec.pod_failure_policy.is_some()
}

pub(super) fn has_finalizer(pod: &Pod) -> bool {
    pod.metadata.finalizers.iter().any(|finalizer| finalizer == FINALIZER)
}

pub(super) fn index(pod: &Pod) -> Option<usize> {
    pod.metadata.annotations.get(INDEX)?.parse().ok()
}

/// The pod's index, if the job has such a completion.
pub(super) fn valid_index(job: &Job, pod: &Pod) -> Option<usize> {
    index(pod).filter(|index| completions(job).is_some_and(|completions| *index < completions))
}

pub(super) fn is_failed(job: &Job, pod: &Pod) -> bool {
    pod.status.phase == "Failed"
        || (!replaces_failed_only(job) && pod.metadata.deletion_timestamp.is_some() && pod.status.phase != "Succeeded")
}

fn count(pod: &Pod, annotation: &str) -> i32 {
    let number = pod
        .metadata
        .annotations
        .get(annotation)
        .and_then(|text| text.parse().ok());
    number.filter(|number| *number >= 0).unwrap_or(0)
}

/// How often the index had failed before this pod.
pub(super) fn index_failures(pod: &Pod) -> i32 {
    count(pod, FAILURES)
}

/// The same with failures that do not count.
pub(super) fn all_index_failures(pod: &Pod) -> i32 {
    count(pod, FAILURES) + count(pod, IGNORED_FAILURES)
}

fn last_container_end<'s>(statuses: impl Iterator<Item = &'s ContainerStatus>) -> Option<Time> {
    let mut latest = None;
    for status in statuses {
        // One that runs still means that the pod's end is not told by its containers.
        let ended = status
            .state
            .terminated
            .as_ref()?
            .finished_at
            .filter(|time| !time.is_zero())?;
        latest = latest.max(Some(ended));
    }
    latest
}

/// When a pod ended, as well as can be told.
pub(super) fn finish_time(pod: &Pod) -> Option<Time> {
    let sidecars = pod.status.init_container_statuses.iter().filter(|status| {
        let container = pod
            .spec
            .init_containers
            .iter()
            .find(|container| container.name == status.name);
        container.is_some_and(|container| container.restart_policy.as_deref() == Some("Always"))
    });
    let not_ready = || {
        let ready = condition(&pod.status, "Ready").filter(|ready| ready.status == "False")?;
        ready.last_transition_time.filter(|time| !time.is_zero())
    };
    let deleted = || {
        let at = pod.metadata.deletion_timestamp?;
        let grace = pod.metadata.deletion_grace_period_seconds.unwrap_or(0);
        Some(Time::from_unix(at.unix_seconds() - grace, 0))
    };
    last_container_end(pod.status.container_statuses.iter().chain(sidecars))
        .or_else(not_ready)
        .or_else(deleted)
        .or(pod.metadata.creation_timestamp)
}

fn add_variable(container: &mut Container) {
    if container.env.iter().any(|variable| variable.name == INDEX_VARIABLE) {
        return;
    }
    container.env.push(EnvVar {
        name: INDEX_VARIABLE.to_owned(),
        value_from: Some(Box::new(EnvVarSource {
            field_ref: Some(Box::new(ObjectFieldSelector {
                field_path: format!("metadata.labels['{INDEX}']"),
                ..ObjectFieldSelector::default()
            })),
            ..EnvVarSource::default()
        })),
        ..EnvVar::default()
    });
}

/// The template of all pods of a job.
pub(super) fn template(job: &Job) -> PodTemplateSpec {
    let mut template = job.spec.template.clone();
    if is_indexed(job) {
        template.spec.init_containers.iter_mut().for_each(add_variable);
        template.spec.containers.iter_mut().for_each(add_variable);
    }
    if !template
        .metadata
        .finalizers
        .iter()
        .any(|finalizer| finalizer == FINALIZER)
    {
        template.metadata.finalizers.push(FINALIZER.to_owned());
    }
    template
}

/// Makes a pod that of an index. With a back-off limit an index, `failures` are those that count and those that do not.
pub(super) fn set_index(job: &Job, pod: &mut Pod, index: usize, failures: Option<(i32, i32)>) {
    let text = index.to_string();
    let annotations = &mut pod.metadata.annotations;
    annotations.insert(INDEX.to_owned(), text.clone());
    if let Some((counted, ignored)) = failures {
        annotations.insert(FAILURES.to_owned(), counted.to_string());
        if ignored > 0 {
            annotations.insert(IGNORED_FAILURES.to_owned(), ignored.to_string());
        }
    }
    pod.metadata.labels.insert(INDEX.to_owned(), text);
    pod.spec.hostname = format!("{}-{index}", job.metadata.name);
    let suffix = format!("-{index}-");
    let name = &job.metadata.name;
    let room = name.floor_char_boundary(PREFIX.saturating_sub(suffix.len()));
    pod.metadata.generate_name = format!("{}{suffix}", &name[..room]);
}

/// The failures that the pod after `former` begins with: those that count, those that do not.
pub(super) fn next_failures(former: Option<&Arc<Pod>>, counts: impl Fn(&Pod) -> bool) -> (i32, i32) {
    let Some(former) = former else { return (0, 0) };
    let (counted, ignored) = (count(former, FAILURES), count(former, IGNORED_FAILURES));
    if counts(former) {
        (counted + 1, ignored)
    } else {
        (counted, ignored + 1)
    }
}

/// Pods that have not ended and are about to.
pub(super) fn terminating(pods: &[Arc<Pod>]) -> impl Iterator<Item = &Arc<Pod>> {
    pods.iter()
        .filter(|pod| !is_terminal(pod) && pod.metadata.deletion_timestamp.is_some())
}
