//! The scheduler's framework: what plugins implement and what they decide on (upstream: `k8s.io/kube-scheduler/framework`
//! and `config/v1`).
//!
//! One trait an extension point ([`plugin`]), a typed state a scheduling cycle ([`cycle_state`]), the outcome of every step
//! ([`status`]), the events that make pods schedulable again ([`events`]). [`PodInfo`] and [`NodeInfo`] hold everything about a
//! pod or node that plugins need more than once, computed when the informer tells of it and not in a cycle; a [`Snapshot`] of
//! all nodes does not change during a cycle. [`config`] is the KubeSchedulerConfiguration file.
//!
//! **Invariant:** no IO, no clocks, no queue: those are `pkg/scheduler`.

pub mod affinity;
pub mod affinity_groups;
pub mod config;
pub mod cycle_state;
pub mod events;
pub mod feasible;
pub mod fit_error;
pub mod host_ports;
pub mod names;
pub mod node_info;
pub mod node_selector;
pub mod node_status;
pub mod plugin;
pub mod pod_counts;
pub mod pod_info;
pub mod requests;
pub mod resource;
pub mod snapshot;
pub mod status;
pub mod taints;
pub mod topology;

pub use affinity::{AffinityTerm, WeightedAffinityTerm};
pub use cycle_state::{CycleState, StateData};
pub use events::{ActionType, ClusterEvent, EventHint, EventObjects, EventResource, QueueingHint};
pub use feasible::Feasible;
pub use fit_error::{Diagnosis, FitError, PluginSet};
pub use node_info::NodeInfo;
pub use node_status::NodeStatuses;
pub use pod_info::{PodInfo, PodOptions};
pub use resource::Resource;
pub use snapshot::Snapshot;
pub use status::{Code, Status};

/// The highest score a plugin gives.
pub const MAX_NODE_SCORE: i64 = 100;
/// The lowest score a plugin gives.
pub const MIN_NODE_SCORE: i64 = 0;
