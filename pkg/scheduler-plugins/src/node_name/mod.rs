//! `spec.nodeName`.

use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventResource};
use scheduler_framework::plugin::{Filter, Plugin};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Status, extension_points, names};

use crate::PluginContext;

const REASON: &str = "node(s) didn't match the requested node name";

/// The plugin.
#[derive(Debug, Default)]
pub struct NodeName;

pub(crate) fn new(_args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(NodeName))
}

impl Plugin for NodeName {
    fn name(&self) -> &'static str {
        names::NODE_NAME
    }

    extension_points!(as_filter: Filter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![EventHint::always(EventResource::Node, ActionType::ADD)])
    }
}

impl Filter for NodeName {
    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        let wanted = &pod.pod.spec.node_name;
        if wanted.is_empty() || wanted == node.name() {
            return Status::SUCCESS;
        }
        Status::fixed(Code::UnschedulableAndUnresolvable, REASON)
    }

    fn is_local(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{filter, node, pod};
    use serde_json::json;

    #[test]
    fn names_must_agree() {
        let node = node(json!({"metadata": {"name": "a"}}));
        for (wanted, expected) in [
            ("", Status::SUCCESS),
            ("a", Status::SUCCESS),
            ("b", Status::unresolvable(REASON)),
        ] {
            let pod = pod(json!({"spec": {"nodeName": wanted}}));
            assert_eq!(filter(&NodeName, &pod, &node), expected, "{wanted:?}");
        }
    }
}
