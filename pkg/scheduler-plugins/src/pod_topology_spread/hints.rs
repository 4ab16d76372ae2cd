//! Which events may let a pod in that the constraints kept out.

use k8s_api::core::v1::Node;
use scheduler_framework::PodInfo;
use scheduler_framework::events::{EventObjects, QueueingHint};

use super::PodTopologySpread;
use super::constraint::Constraint;

fn involved(changed: &PodInfo, pod: &PodInfo) -> bool {
    changed.uid() == pod.uid() || (changed.occupies_node() && changed.namespace() == pod.namespace())
}

fn has_labels(node: &Node, constraints: &[Constraint]) -> bool {
    let labels = &node.metadata.labels;
    constraints
        .iter()
        .all(|constraint| labels.contains_key(&constraint.topology_key))
}

impl PodTopologySpread {
    /// A pod that came, went or changed.
    pub(super) fn after_pod(&self, pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
        let Some(change) = objects.pod() else {
            return QueueingHint::Queue;
        };
        let (old, new) = (change.old.as_deref(), change.new.as_deref());
        if [old, new].into_iter().flatten().any(|changed| !involved(changed, pod)) {
            return QueueingHint::Skip;
        }
        let Ok(constraints) = self.hard(pod) else {
            return QueueingHint::Queue;
        };
        let matches = |pod: &PodInfo, constraint: &Constraint| constraint.selector.matches(&pod.pod.metadata.labels);
        match (old, new) {
            (Some(old), Some(new)) => {
                let tolerates_more = pod.uid() == new.uid()
                    && old.pod.spec.tolerations != new.pod.spec.tolerations
                    && constraints.iter().any(|constraint| constraint.honor_taints);
                let relabelled = constraints
                    .iter()
                    .any(|constraint| matches(old, constraint) != matches(new, constraint));
                (tolerates_more || relabelled).into()
            }
            (Some(one), None) | (None, Some(one)) => {
                constraints.iter().any(|constraint| matches(one, constraint)).into()
            }
            (None, None) => QueueingHint::Queue,
        }
    }

    /// A node that came, went or changed.
    pub(super) fn after_node(&self, pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
        let Some(change) = objects.node() else {
            return QueueingHint::Queue;
        };
        let Ok(constraints) = self.hard(pod) else {
            return QueueingHint::Queue;
        };
        match (change.old.as_deref(), change.new.as_deref()) {
            (Some(old), Some(new)) => {
                let (before, after) = (has_labels(old, &constraints), has_labels(new, &constraints));
                let moved = constraints.iter().any(|constraint| {
                    let key = &constraint.topology_key;
                    old.metadata.labels.get(key) != new.metadata.labels.get(key)
                });
                (before != after || (after && (moved || old.spec.taints != new.spec.taints))).into()
            }
            (Some(one), None) | (None, Some(one)) => has_labels(one, &constraints).into(),
            (None, None) => QueueingHint::Queue,
        }
    }
}
