//! Policies: what a pod's failure means, and when a job has done enough.

use k8s_api::batch::v1::{Job, PodFailurePolicyOnExitCodesRequirement};
use k8s_api::core::v1::{ContainerStatus, Pod};

use super::indexes::Indexes;

/// What a pod's failure means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// It counts towards the limit.
    Counts,
    /// It does not.
    Ignored,
    /// Its index has failed.
    FailsIndex,
    /// The job has failed; the message says why.
    FailsJob(String),
}

impl Failure {
    pub(super) fn counts(&self) -> bool {
        *self != Self::Ignored
    }
}

fn matching_container<'p>(
    pod: &'p Pod,
    requirement: &PodFailurePolicyOnExitCodesRequirement,
) -> Option<(&'p ContainerStatus, i32)> {
    let statuses = pod
        .status
        .container_statuses
        .iter()
        .chain(&pod.status.init_container_statuses);
    statuses
        .filter(|status| {
            requirement
                .container_name
                .as_ref()
                .is_none_or(|name| *name == status.name)
        })
        .filter_map(|status| Some((status, status.state.terminated.as_ref()?.exit_code)))
        .find(|(_, code)| {
            let listed = requirement.values.contains(code);
            *code != 0
                && match requirement.operator.as_str() {
                    "In" => listed,
                    "NotIn" => !listed,
                    _ => false,
                }
        })
}

/// What the job's policy makes of a failed pod: the first rule that matches counts.
pub(super) fn judge_failure(job: &Job, pod: &Pod) -> Failure {
    let rules = job.spec.pod_failure_policy.iter().flat_map(|policy| &policy.rules);
    for (index, rule) in rules.enumerate() {
        let (namespace, name) = (&pod.metadata.namespace, &pod.metadata.name);
        let reason = if let Some(requirement) = &rule.on_exit_codes {
            matching_container(pod, requirement).map(|(container, code)| {
                let container = &container.name;
                format!("Container {container} for pod {namespace}/{name} failed with exit code {code}")
            })
        } else {
            let conditions = &pod.status.conditions;
            let found = conditions.iter().find(|condition| {
                rule.on_pod_conditions
                    .iter()
                    .any(|pattern| pattern.type_ == condition.type_ && pattern.status == condition.status)
            });
            found.map(|condition| format!("Pod {namespace}/{name} has condition {}", condition.type_))
        };
        let Some(reason) = reason else { continue };
        return match rule.action.as_str() {
            "Ignore" => Failure::Ignored,
            "FailIndex" => Failure::FailsIndex,
            "FailJob" => Failure::FailsJob(format!("{reason} matching FailJob rule at index {index}")),
            _ => Failure::Counts,
        };
    }
    Failure::Counts
}

/// The rule of the success policy that the succeeded indexes fulfil, in words.
pub(super) fn judge_success(job: &Job, completions: usize, succeeded: &Indexes) -> Option<String> {
    let policy = job.spec.success_policy.as_ref().filter(|_| !succeeded.is_empty())?;
    let fulfilled = policy.rules.iter().position(|rule| {
        let enough = |found: usize| {
            rule.succeeded_count
                .is_some_and(|count| usize::try_from(count).is_ok_and(|count| found >= count))
        };
        match &rule.succeeded_indexes {
            None => enough(succeeded.total()),
            Some(text) => {
                let required = Indexes::parse(text, completions);
                let found = required.common(succeeded);
                !required.is_empty() && (found == required.total() || enough(found))
            }
        }
    })?;
    Some(format!("Matched rules at index {fulfilled}"))
}
