//! Which pods may be concerned, and in which order they go.

use std::sync::Arc;

use k8s_api::core::v1::{Node, Pod};
use k8s_api::primitives::Time;

/// The index of pods by [`Class`].
pub(super) const CLASS: &str = "pod-gc";

/// What may make a pod this controller's concern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It has ended.
    Terminated,
    /// It is to end, on a node.
    Terminating,
    /// It is to end, and has no node that would end it.
    Unscheduled,
}

impl Class {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Terminated => "terminated",
            Self::Terminating => "terminating",
            Self::Unscheduled => "unscheduled",
        }
    }
}

/// The classes of a pod.
pub(super) fn classes(pod: &Pod) -> impl Iterator<Item = &'static str> {
    let terminated = !matches!(pod.status.phase.as_str(), "Pending" | "Running" | "Unknown");
    let ending = pod.metadata.deletion_timestamp.map(|_| {
        if pod.spec.node_name.is_empty() {
            Class::Unscheduled
        } else {
            Class::Terminating
        }
    });
    (terminated.then_some(Class::Terminated).into_iter().chain(ending)).map(Class::as_str)
}

/// Whether a node does not answer, and somebody has said that it will not come back by itself.
pub(super) fn is_out_of_service(node: &Node) -> bool {
    !controller_objects::nodes::is_ready(node)
        && controller_objects::nodes::has_taint_key(node, "node.kubernetes.io/out-of-service")
}

/// All but so many pods: evicted ones go first, then the oldest.
pub(super) fn oldest(mut pods: Vec<Arc<Pod>>, keep: usize) -> Vec<Arc<Pod>> {
    let evicted = |pod: &Pod| pod.status.phase == "Failed" && pod.status.reason == "Evicted";
    let order = |pod: &Arc<Pod>| {
        let created = pod.metadata.creation_timestamp.unwrap_or(Time::ZERO);
        (!evicted(pod), created, pod.metadata.name.clone())
    };
    pods.sort_by_cached_key(order);
    pods.truncate(pods.len().saturating_sub(keep));
    pods
}
