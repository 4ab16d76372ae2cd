//! Pods: what state they are in, and which of them go first.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_api::core::v1::{Pod, PodCondition};
use k8s_api::primitives::Time;

use crate::Clock;

pub use controller_objects::pods::{condition, is_ready, is_terminal};

/// The annotation with the cost of deleting a pod: the lower, the sooner it goes.
pub const DELETION_COST: &str = "controller.kubernetes.io/pod-deletion-cost";

/// Whether the pod has not ended and is not about to.
#[must_use]
pub fn is_active(pod: &Pod) -> bool {
    !is_terminal(pod) && pod.metadata.deletion_timestamp.is_none()
}

/// Whether the pod is about to end.
#[must_use]
pub fn is_terminating(pod: &Pod) -> bool {
    !is_terminal(pod) && pod.metadata.deletion_timestamp.is_some()
}

/// Those that have not ended and are not about to.
#[must_use]
pub fn active(pods: &[Arc<Pod>]) -> Vec<Arc<Pod>> {
    pods.iter().filter(|pod| is_active(pod)).cloned().collect()
}

fn ready_condition(pod: &Pod) -> Option<&PodCondition> {
    condition(&pod.status, "Ready").filter(|condition| condition.status == "True")
}

/// Whether the pod has been ready for so many seconds.
#[must_use]
pub fn is_available(pod: &Pod, min_ready_seconds: i32, clock: &Clock) -> bool {
    let Some(ready) = ready_condition(pod) else {
        return false;
    };
    if min_ready_seconds <= 0 {
        return true;
    }
    match ready.last_transition_time {
        Some(since) if !since.is_zero() => clock.since(since) >= seconds(min_ready_seconds),
        _ => false,
    }
}

/// So many seconds; none if there are less than none.
#[must_use]
pub fn seconds(seconds: i32) -> Duration {
    Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

/// How long it is until the next of the pods has been ready for so many seconds, if one is ready and has not.
#[must_use]
pub fn next_availability_check(pods: &[Arc<Pod>], min_ready_seconds: i32, clock: &Clock) -> Option<Duration> {
    if min_ready_seconds <= 0 {
        return None;
    }
    let wait = seconds(min_ready_seconds);
    pods.iter()
        .filter_map(|pod| ready_condition(pod)?.last_transition_time)
        .filter_map(|since| wait.checked_sub(clock.since(since)))
        .filter(|left| !left.is_zero())
        .min()
}

/// When the pod became ready; nothing if it is not.
fn ready_since(pod: &Pod) -> Option<Time> {
    ready_condition(pod).and_then(|ready| ready.last_transition_time)
}

fn phase_rank(pod: &Pod) -> u8 {
    match pod.status.phase.as_str() {
        "Pending" => 0,
        "Unknown" => 1,
        "Running" => 2,
        _ => 0,
    }
}

fn restarts(pod: &Pod) -> (i32, i32) {
    let regular = pod.status.container_statuses.iter().map(|status| status.restart_count);
    let sidecar = |name: &str| {
        pod.spec
            .init_containers
            .iter()
            .any(|container| container.name == name && container.restart_policy.as_deref() == Some("Always"))
    };
    let sidecars = pod
        .status
        .init_container_statuses
        .iter()
        .filter(|status| sidecar(&status.name))
        .map(|status| status.restart_count);
    (regular.max().unwrap_or(0), sidecars.max().unwrap_or(0))
}

/// The cost of deleting a pod; 0 if it says nothing that can be read.
fn deletion_cost(pod: &Pod) -> i32 {
    let Some(text) = pod.metadata.annotations.get(DELETION_COST) else {
        return 0;
    };
    let well_formed = !text.starts_with('+') && (text == "0" || !text.trim_start_matches('-').starts_with('0'));
    if well_formed { text.parse().unwrap_or(0) } else { 0 }
}

/// The later moment goes first; no moment at all before all others.
fn later_first(a: Option<Time>, b: Option<Time>) -> Ordering {
    match (a, b) {
        (None, None) => Ordering::Equal,
        (None, Some(_)) => Ordering::Less,
        (Some(_), None) => Ordering::Greater,
        (Some(a), Some(b)) => b.cmp(&a),
    }
}

/// Compares ages on a logarithmic scale: pods of about the same age are in no particular order, so that not always the
/// youngest go.
fn about_younger_first(a: (&Pod, Option<Time>), b: (&Pod, Option<Time>), clock: &Clock) -> Ordering {
    let ((pod_a, Some(since_a)), (pod_b, Some(since_b))) = (a, b) else {
        return later_first(a.1, b.1);
    };
    if since_a == since_b {
        return Ordering::Equal;
    }
    let rank = |since: Time| {
        let age = clock.since(since).as_nanos();
        if age == 0 { -1 } else { i64::from(age.ilog2()) }
    };
    rank(since_a)
        .cmp(&rank(since_b))
        .then_with(|| pod_a.metadata.uid.cmp(&pod_b.metadata.uid))
}

fn common_order(a: &Pod, b: &Pod) -> Ordering {
    let unassigned = |pod: &Pod| pod.spec.node_name.is_empty();
    unassigned(b)
        .cmp(&unassigned(a))
        .then_with(|| phase_rank(a).cmp(&phase_rank(b)))
        .then_with(|| is_ready(a).cmp(&is_ready(b)))
}

/// Which of two pods is deleted first (`Less`): unassigned, pending, not ready, lately ready, often restarted, young.
#[must_use]
pub fn deletion_order(a: &Pod, b: &Pod) -> Ordering {
    common_order(a, b)
        .then_with(|| {
            if is_ready(a) && is_ready(b) {
                later_first(ready_since(a), ready_since(b))
            } else {
                Ordering::Equal
            }
        })
        .then_with(|| restarts(b).cmp(&restarts(a)))
        .then_with(|| later_first(a.metadata.creation_timestamp, b.metadata.creation_timestamp))
}

/// Sorts pods by which is deleted first. Beyond [`deletion_order`] it counts what deleting a pod costs, and how many of
/// `related` share the pod's node; ages are compared on a logarithmic scale.
pub fn sort_for_deletion(pods: &mut [Arc<Pod>], related: &[Arc<Pod>], clock: &Clock) {
    let mut on_node: HashMap<&str, usize> = HashMap::new();
    for pod in related.iter().filter(|pod| is_active(pod)) {
        *on_node.entry(&pod.spec.node_name).or_default() += 1;
    }
    let neighbours = |pod: &Pod| on_node.get(pod.spec.node_name.as_str()).copied().unwrap_or(0);
    pods.sort_by(|a, b| {
        common_order(a, b)
            .then_with(|| deletion_cost(a).cmp(&deletion_cost(b)))
            .then_with(|| neighbours(b).cmp(&neighbours(a)))
            .then_with(|| {
                if is_ready(a) && is_ready(b) {
                    about_younger_first((a, ready_since(a)), (b, ready_since(b)), clock)
                } else {
                    Ordering::Equal
                }
            })
            .then_with(|| restarts(b).cmp(&restarts(a)))
            .then_with(|| {
                about_younger_first(
                    (a, a.metadata.creation_timestamp),
                    (b, b.metadata.creation_timestamp),
                    clock,
                )
            })
    });
}

/// `namespace/name`.
#[must_use]
pub fn key(pod: &Pod) -> String {
    format!("{}/{}", pod.metadata.namespace, pod.metadata.name)
}
