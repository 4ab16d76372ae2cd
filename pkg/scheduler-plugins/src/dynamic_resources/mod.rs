//! Claims of devices. Allocation of devices is not here yet: pods that claim any are told so, and wait.

use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::events::{ActionType, EventHint, EventResource};
use scheduler_framework::plugin::{Plugin, PreFilter, PreFiltered};
use scheduler_framework::{CycleState, PodInfo, Snapshot, Status, extension_points, names};

use crate::PluginContext;

/// The plugin.
#[derive(Debug, Default)]
pub struct DynamicResources;

pub(crate) fn new(_args: Option<&PluginArgs>, _context: &PluginContext) -> Result<Arc<dyn Plugin>, String> {
    Ok(Arc::new(DynamicResources))
}

impl Plugin for DynamicResources {
    fn name(&self) -> &'static str {
        names::DYNAMIC_RESOURCES
    }

    extension_points!(as_pre_filter: PreFilter);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![EventHint::always(
            EventResource::Pod,
            ActionType::UPDATE_POD_GENERATED_RESOURCE_CLAIM,
        )])
    }
}

impl PreFilter for DynamicResources {
    fn pre_filter(&self, _state: &mut CycleState, pod: &PodInfo, _snapshot: &Snapshot) -> PreFiltered {
        match pod.pod.spec.resource_claims.first() {
            None => PreFiltered::Skip,
            Some(claim) => PreFiltered::Failed(Status::unresolvable(format!(
                "resource claim {} cannot be allocated: this scheduler does not allocate devices",
                k8s_api::primitives::quote(&claim.name)
            ))),
        }
    }
}
