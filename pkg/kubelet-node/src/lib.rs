//! The node as the kubelet reports it.
//!
//! - [`Machine`] and [`addresses`]: facts of the machine;
//! - [`Resources`]: what there is, and what of it pods may have;
//! - [`RuntimeState`]: whether the container runtime and its network are fit for use;
//! - [`NodeStatusInput`]: the status, computed from all that and from the status before;
//! - [`NodeReporter`]: registers the node, and keeps its status and its lease current.
//!
//! Invariant: conditions, addresses and resources that are not the kubelet's are left as they are. Upstream counterpart:
//! `pkg/kubelet/kubelet_node_status.go`, `nodestatus`, `nodelease`.

pub mod addresses;
mod conditions;
mod csi_node;
mod lease;
mod machine;
mod registration;
mod reporter;
mod resources;
mod runtime_state;
mod status;

#[cfg(test)]
mod tests;

pub use machine::Machine;
pub use reporter::{NodeOptions, NodeParts, NodeReporter};
pub use resources::{Reservations, Resources};
pub use runtime_state::RuntimeState;
pub use status::{NodeStatusInput, node_reference};
