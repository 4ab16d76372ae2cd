//! Host ports: no two pods on a node may want the same.

use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin, PreFilter, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status, extension_points, names};

use crate::PluginContext;

const REASON: &str = "node(s) didn't have free ports for the requested pod ports";

/// The plugin.
#[derive(Debug, Default)]
pub struct NodePorts;

pub(crate) fn new(_args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(NodePorts))
}

fn after_pod_deleted(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(deleted) = objects.pod().and_then(|change| change.old.as_ref()) else {
        return QueueingHint::Queue;
    };
    let frees = |port| pod.host_ports.iter().any(|wanted| wanted.conflicts_with(port));
    (deleted.occupies_node() && deleted.host_ports.iter().any(frees)).into()
}

impl Plugin for NodePorts {
    fn name(&self) -> &'static str {
        names::NODE_PORTS
    }

    extension_points!(as_pre_filter: PreFilter, as_filter: Filter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![
            EventHint::when(EventResource::Pod, ActionType::DELETE, after_pod_deleted),
            EventHint::always(EventResource::Node, ActionType::ADD),
        ])
    }
}

impl PreFilter for NodePorts {
    fn pre_filter(&self, _state: &mut CycleState, pod: &PodInfo, _snapshot: &Snapshot) -> PreFiltered {
        if pod.host_ports.is_empty() {
            PreFiltered::Skip
        } else {
            PreFiltered::AllNodes
        }
    }
}

impl Filter for NodePorts {
    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        if node.used_ports.conflict_with(&pod.host_ports) {
            return Status::fixed(Code::Unschedulable, REASON);
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
    use crate::testing::{deleted, filter, node, pod};
    use serde_json::json;

    fn with_port(protocol: &str, ip: &str, port: i32, node: &str) -> PodInfo {
        let ports = json!([{"protocol": protocol, "hostIP": ip, "hostPort": port}]);
        pod(json!({"spec": {"nodeName": node, "containers": [{"name": "c", "ports": ports}]}}))
    }

    #[test]
    fn ports_are_taken_once() {
        let mut node = node(json!({}));
        node.add_pod(Arc::new(with_port("TCP", "", 80, "n")));
        for (name, pod, expected) in [
            (
                "same",
                with_port("TCP", "", 80, ""),
                Status::fixed(Code::Unschedulable, REASON),
            ),
            (
                "any address takes all",
                with_port("TCP", "10.0.0.1", 80, ""),
                Status::fixed(Code::Unschedulable, REASON),
            ),
            ("other protocol", with_port("UDP", "", 80, ""), Status::SUCCESS),
            ("other port", with_port("TCP", "", 81, ""), Status::SUCCESS),
        ] {
            assert_eq!(filter(&NodePorts, &pod, &node), expected, "{name}");
        }
    }

    #[test]
    fn hints() {
        let wants = with_port("TCP", "", 80, "");
        for (name, gone, expected) in [
            ("frees the port", with_port("TCP", "", 80, "n"), QueueingHint::Queue),
            ("had no node", with_port("TCP", "", 80, ""), QueueingHint::Skip),
            ("another port", with_port("TCP", "", 81, "n"), QueueingHint::Skip),
        ] {
            assert_eq!(after_pod_deleted(&wants, &deleted(gone)), expected, "{name}");
        }
    }
}
