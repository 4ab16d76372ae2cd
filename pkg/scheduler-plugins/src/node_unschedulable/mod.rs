//! Keeps pods off nodes with `spec.unschedulable`, unless they tolerate the taint of it.

use std::sync::Arc;

use k8s_api::core::v1::Taint;
use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Status, extension_points, names, taints};

use crate::PluginContext;

const REASON: &str = "node(s) were unschedulable";

/// The plugin.
#[derive(Debug)]
pub struct NodeUnschedulable {
    taint: Taint,
    comparison: bool,
}

pub(crate) fn new(_args: Option<&PluginArgs>, context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(NodeUnschedulable::new(
        context.pod_options().toleration_comparison,
    )))
}

impl NodeUnschedulable {
    fn new(comparison: bool) -> Self {
        Self {
            taint: Taint {
                key: taints::UNSCHEDULABLE.to_owned(),
                effect: taints::NO_SCHEDULE.to_owned(),
                ..Taint::default()
            },
            comparison,
        }
    }

    fn tolerated_by(&self, pod: &PodInfo) -> bool {
        taints::any_tolerates(&pod.pod.spec.tolerations, &self.taint, self.comparison)
    }

    fn after_toleration(&self, pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
        let changed = objects.pod().and_then(|change| change.new.as_ref());
        changed
            .is_none_or(|changed| changed.uid() == pod.uid() && self.tolerated_by(changed))
            .into()
    }
}

fn after_node(_: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.node() else {
        return QueueingHint::Queue;
    };
    let was_closed = change.old.as_ref().is_none_or(|node| node.spec.unschedulable);
    let is_open = change.new.as_ref().is_some_and(|node| !node.spec.unschedulable);
    (was_closed && is_open).into()
}

impl Plugin for NodeUnschedulable {
    fn name(&self) -> &'static str {
        names::NODE_UNSCHEDULABLE
    }

    extension_points!(as_filter: Filter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![
            EventHint::when(
                EventResource::Node,
                ActionType::ADD | ActionType::UPDATE_NODE_TAINT,
                after_node,
            ),
            EventHint::when(
                EventResource::Pod,
                ActionType::UPDATE_POD_TOLERATION,
                move |pod, objects| self.after_toleration(pod, objects),
            ),
        ])
    }
}

impl Filter for NodeUnschedulable {
    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        if node.node.spec.unschedulable && !self.tolerated_by(pod) {
            return Status::fixed(Code::UnschedulableAndUnresolvable, REASON);
        }
        Status::SUCCESS
    }

    fn is_local(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter, node, node_change, pod};
    use serde_json::json;

    #[test]
    fn unschedulable_nodes() {
        let closed = node(json!({"spec": {"unschedulable": true}}));
        let open = node(json!({}));
        let plain = pod(json!({}));
        let tolerant = pod(json!({"spec": {"tolerations": [
            {"key": "node.kubernetes.io/unschedulable", "operator": "Exists", "effect": "NoSchedule"}]}}));
        let plugin = NodeUnschedulable::new(false);
        for (name, pod, node, expected) in [
            ("closed", &plain, &closed, Status::unresolvable(REASON)),
            ("open", &plain, &open, Status::SUCCESS),
            ("tolerated", &tolerant, &closed, Status::SUCCESS),
        ] {
            assert_eq!(filter(&plugin, pod, node), expected, "{name}");
        }
    }

    #[test]
    fn hints() {
        let pod = pod(json!({}));
        let (open, closed) = (json!({}), json!({"spec": {"unschedulable": true}}));
        for (name, old, new, expected) in [
            ("new and open", None, &open, QueueingHint::Queue),
            ("new and closed", None, &closed, QueueingHint::Skip),
            ("opened", Some(&closed), &open, QueueingHint::Queue),
            ("stays open", Some(&open), &open, QueueingHint::Skip),
        ] {
            assert_eq!(after_node(&pod, &node_change(old, Some(new))), expected, "{name}");
        }
    }
}
