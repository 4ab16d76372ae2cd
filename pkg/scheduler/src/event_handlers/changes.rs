//! What a change of a pod or a node means for scheduling.

use std::collections::BTreeMap;

use k8s_api::core::v1::Node;
use scheduler_framework::events::{ActionType, ClusterEvent, EventResource};
use scheduler_framework::{PodInfo, Resource};

fn shrank(old: &Resource, new: &Resource) -> bool {
    new.milli_cpu < old.milli_cpu
        || new.memory < old.memory
        || new.ephemeral_storage < old.ephemeral_storage
        || old
            .scalars()
            .any(|(name, amount)| new.scalar(name).unwrap_or(0) < amount)
}

/// The events of a pod's change; a mere update if nothing in particular changed.
pub(super) fn pod_events(old: &PodInfo, new: &PodInfo) -> Vec<ClusterEvent> {
    let resource = if new.pod.spec.node_name.is_empty() {
        EventResource::UnschedulablePod
    } else {
        EventResource::AssignedPod
    };
    let (old_pod, new_pod) = (&old.pod, &new.pod);
    let changes = [
        (
            old_pod.metadata.labels != new_pod.metadata.labels,
            ActionType::UPDATE_POD_LABEL,
        ),
        (
            shrank(&old.requests.used, &new.requests.used),
            ActionType::UPDATE_POD_SCALE_DOWN,
        ),
        (
            new_pod.spec.scheduling_gates.is_empty() && !old_pod.spec.scheduling_gates.is_empty(),
            ActionType::UPDATE_POD_SCHEDULING_GATES_ELIMINATED,
        ),
        (
            new_pod.spec.tolerations.len() != old_pod.spec.tolerations.len(),
            ActionType::UPDATE_POD_TOLERATION,
        ),
        (
            new_pod.status.resource_claim_statuses != old_pod.status.resource_claim_statuses
                || new_pod.status.extended_resource_claim_status != old_pod.status.extended_resource_claim_status,
            ActionType::UPDATE_POD_GENERATED_RESOURCE_CLAIM,
        ),
    ];
    let mut events: Vec<_> = changes
        .into_iter()
        .filter(|(changed, _)| *changed)
        .map(|(_, action)| ClusterEvent::new(resource, action))
        .collect();
    if events.is_empty() {
        events.push(ClusterEvent::new(resource, ActionType::UPDATE));
    }
    events
}

/// The events of a node's change; none if nothing that matters changed.
pub(super) fn node_events(old: &Node, new: &Node) -> Vec<ClusterEvent> {
    let conditions = |node: &Node| -> BTreeMap<String, String> {
        let conditions = node.status.conditions.iter();
        conditions
            .map(|condition| (condition.type_.clone(), condition.status.clone()))
            .collect()
    };
    let changes = [
        (
            old.spec.unschedulable && !new.spec.unschedulable,
            ActionType::UPDATE_NODE_TAINT,
        ),
        (
            old.status.allocatable != new.status.allocatable,
            ActionType::UPDATE_NODE_ALLOCATABLE,
        ),
        (
            old.metadata.labels != new.metadata.labels,
            ActionType::UPDATE_NODE_LABEL,
        ),
        (old.spec.taints != new.spec.taints, ActionType::UPDATE_NODE_TAINT),
        (conditions(old) != conditions(new), ActionType::UPDATE_NODE_CONDITION),
        (
            old.metadata.annotations != new.metadata.annotations,
            ActionType::UPDATE_NODE_ANNOTATION,
        ),
        (
            old.status.declared_features != new.status.declared_features,
            ActionType::UPDATE_NODE_DECLARED_FEATURE,
        ),
    ];
    let mut events: Vec<ClusterEvent> = Vec::new();
    for (_, action) in changes.into_iter().filter(|(changed, _)| *changed) {
        let event = ClusterEvent::new(EventResource::Node, action);
        if !events.contains(&event) {
            events.push(event);
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use k8s_api::Kind as _;
    use k8s_api::core::v1::Pod;
    use scheduler_framework::PodOptions;
    use serde_json::{Value, json};

    use super::*;

    fn labels(events: &[ClusterEvent]) -> Vec<String> {
        events.iter().map(|event| event.label().into_owned()).collect()
    }

    #[test]
    fn changes_of_pods() {
        let pod = |value: Value| PodInfo::new(Arc::new(Pod::from_value(value).unwrap()), PodOptions::default());
        let cpu = |cpu: &str| json!({"spec": {"containers": [{"name": "c", "resources": {"requests": {"cpu": cpu}}}]}});
        let gated = json!({"spec": {"schedulingGates": [{"name": "g"}]}});
        for (old, new, expected) in [
            (
                json!({}),
                json!({"status": {"phase": "Pending"}}),
                vec!["UnschedulablePodUpdate"],
            ),
            (
                gated,
                json!({}),
                vec!["UnschedulablePodUpdatePodSchedulingGatesEliminated"],
            ),
            (cpu("2"), cpu("1"), vec!["UnschedulablePodUpdatePodScaleDown"]),
            (cpu("1"), cpu("2"), vec!["UnschedulablePodUpdate"]),
            (
                json!({"metadata": {"labels": {"a": "1"}}}),
                json!({"spec": {"nodeName": "n", "tolerations": [{"key": "k"}]}}),
                vec!["AssignedPodUpdatePodLabel", "AssignedPodUpdatePodToleration"],
            ),
        ] {
            assert_eq!(labels(&pod_events(&pod(old), &pod(new))), expected);
        }
    }

    #[test]
    fn changes_of_nodes() {
        let node = |value: Value| Node::from_value(value).unwrap();
        let heartbeat = |time: &str| json!({"status": {"conditions": [{"type": "Ready", "status": "True", "lastHeartbeatTime": time}]}});
        for (old, new, expected) in [
            (
                heartbeat("2024-01-01T00:00:00Z"),
                heartbeat("2024-01-01T00:01:00Z"),
                vec![],
            ),
            (
                json!({"spec": {"unschedulable": true}}),
                json!({}),
                vec!["NodeUpdateNodeTaint"],
            ),
            (json!({}), json!({"spec": {"unschedulable": true}}), vec![]),
            (
                json!({}),
                json!({"metadata": {"labels": {"a": "1"}}, "status": {"allocatable": {"cpu": "1"}}}),
                vec!["NodeUpdateNodeAllocatable", "NodeUpdateNodeLabel"],
            ),
        ] {
            assert_eq!(labels(&node_events(&node(old), &node(new))), expected);
        }
    }
}
