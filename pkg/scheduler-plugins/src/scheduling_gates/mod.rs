//! Holds pods back while they have scheduling gates.

use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventResource};
use scheduler_framework::plugin::{Plugin, PreEnqueue};
use scheduler_framework::{PodInfo, Status, extension_points, names};

use crate::PluginContext;

/// The plugin.
#[derive(Debug, Default)]
pub struct SchedulingGates;

pub(crate) fn new(_args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(SchedulingGates))
}

impl Plugin for SchedulingGates {
    fn name(&self) -> &'static str {
        names::SCHEDULING_GATES
    }

    extension_points!(as_pre_enqueue: PreEnqueue);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![EventHint::when(
            EventResource::Pod,
            ActionType::UPDATE_POD_SCHEDULING_GATES_ELIMINATED,
            |pod, objects| {
                let changed = objects.pod().and_then(|change| change.new.as_ref());
                changed.is_none_or(|changed| changed.uid() == pod.uid()).into()
            },
        )])
    }
}

impl PreEnqueue for SchedulingGates {
    fn pre_enqueue(&self, pod: &PodInfo) -> Status {
        let gates = &pod.pod.spec.scheduling_gates;
        if gates.is_empty() {
            return Status::SUCCESS;
        }
        let gates: Vec<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
        Status::unresolvable(format!("waiting for scheduling gates: [{}]", gates.join(" ")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pod;
    use serde_json::json;

    #[test]
    fn gates_hold_pods_back() {
        let free = pod(json!({}));
        assert_eq!(SchedulingGates.pre_enqueue(&free), Status::SUCCESS);
        let gated = pod(json!({"spec": {"schedulingGates": [{"name": "a"}, {"name": "b"}]}}));
        assert_eq!(
            SchedulingGates.pre_enqueue(&gated),
            Status::unresolvable("waiting for scheduling gates: [a b]")
        );
    }
}
