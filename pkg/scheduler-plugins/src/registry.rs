//! The plugins by name.

use std::sync::Arc;

use scheduler_framework::config::PluginArgs;
use scheduler_framework::names;
use scheduler_framework::plugin::Plugin;

use crate::PluginContext;
use crate::{
    default_binder, default_preemption, dynamic_resources, image_locality, inter_pod_affinity, node_affinity,
    node_name, node_ports, node_resources, node_unschedulable, node_volume_limits, pod_topology_spread, priority_sort,
    scheduling_gates, taint_toleration, volume_binding, volume_restrictions, volume_zone,
};

/// Makes a plugin from its arguments.
pub type Factory = fn(Option<&PluginArgs>, &PluginContext) -> Result<Arc<dyn Plugin>, String>;

/// The plugins of the tree.
pub const IN_TREE: [(&str, Factory); 19] = [
    (names::SCHEDULING_GATES, scheduling_gates::new),
    (names::PRIORITY_SORT, priority_sort::new),
    (names::NODE_UNSCHEDULABLE, node_unschedulable::new),
    (names::NODE_NAME, node_name::new),
    (names::TAINT_TOLERATION, taint_toleration::new),
    (names::NODE_AFFINITY, node_affinity::new),
    (names::NODE_PORTS, node_ports::new),
    (names::NODE_RESOURCES_FIT, node_resources::new_fit),
    (names::VOLUME_RESTRICTIONS, volume_restrictions::new),
    (names::NODE_VOLUME_LIMITS, node_volume_limits::new),
    (names::VOLUME_BINDING, volume_binding::new),
    (names::VOLUME_ZONE, volume_zone::new),
    (names::POD_TOPOLOGY_SPREAD, pod_topology_spread::new),
    (names::INTER_POD_AFFINITY, inter_pod_affinity::new),
    (names::DYNAMIC_RESOURCES, dynamic_resources::new),
    (names::DEFAULT_PREEMPTION, default_preemption::new),
    (names::NODE_RESOURCES_BALANCED_ALLOCATION, node_resources::new_balanced),
    (names::IMAGE_LOCALITY, image_locality::new),
    (names::DEFAULT_BINDER, default_binder::new),
];
