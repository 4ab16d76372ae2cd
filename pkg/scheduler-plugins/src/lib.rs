//! The scheduler's plugins: one folder each (upstream: `pkg/scheduler/framework/plugins`).
//!
//! A plugin gets what it needs from a [`PluginContext`] when a profile is put together, and has one constructor in
//! [`registry`]. Names, reasons, scores and events are upstream's.

pub mod context;
pub mod default_binder;
pub mod default_preemption;
pub mod dynamic_resources;
pub mod image_locality;
pub mod inter_pod_affinity;
mod migration;
pub mod node_affinity;
pub mod node_name;
pub mod node_ports;
pub mod node_resources;
pub mod node_unschedulable;
pub mod node_volume_limits;
pub mod pod_status;
pub mod pod_topology_spread;
pub mod priority_sort;
pub mod registry;
pub mod scheduling_gates;
pub mod taint_toleration;
#[cfg(test)]
mod testing;
pub mod volume_binding;
pub mod volume_restrictions;
pub mod volume_zone;

pub use context::{PluginContext, PreemptionHost};
