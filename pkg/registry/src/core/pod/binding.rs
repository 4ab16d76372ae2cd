//! Binding a pod to a node.
//!
//! Upstream counterpart: `BindingREST` of `pkg/registry/core/pod/storage`, without the storage.

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    core::v1::{Binding, Pod, PodCondition},
    primitives::quote,
};

use super::conditions::{POD_SCHEDULED, set_condition};

/// Why a pod cannot be bound; to clients it is a conflict on `pods/binding`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BindError {
    /// The pod is being deleted.
    Deleting(String),
    /// The pod has a node.
    Assigned {
        /// The pod's name.
        pod: String,
        /// The node's name.
        node: String,
    },
    /// The pod is held back from scheduling.
    Gated(String),
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Deleting(pod) => write!(formatter, "pod {pod} is being deleted, cannot be assigned to a host"),
            Self::Assigned { pod, node } => {
                write!(formatter, "pod {pod} is already assigned to node {}", quote(node))
            }
            Self::Gated(pod) => write!(formatter, "pod {pod} has non-empty .spec.schedulingGates"),
        }
    }
}

impl std::error::Error for BindError {}

/// Assigns the pod to the node of a valid binding, whose annotations and labels the pod takes over.
///
/// # Errors
/// If the pod cannot be bound; it is unchanged then.
pub fn bind(pod: &mut Pod, binding: &Binding, gates: &FeatureGates, now: jiff::Timestamp) -> Result<(), BindError> {
    let name = || pod.metadata.name.clone();
    if pod.metadata.deletion_timestamp.is_some() {
        return Err(BindError::Deleting(name()));
    }
    if !pod.spec.node_name.is_empty() {
        return Err(BindError::Assigned {
            pod: name(),
            node: pod.spec.node_name.clone(),
        });
    }
    if !pod.spec.scheduling_gates.is_empty() {
        return Err(BindError::Gated(name()));
    }
    pod.spec.node_name.clone_from(&binding.target.name);
    if gates.enabled(Feature::ClearingNominatedNodeNameAfterBinding) {
        pod.status.nominated_node_name.clear();
    }
    pod.metadata.annotations.extend(binding.metadata.annotations.clone());
    if gates.enabled(Feature::PodTopologyLabelsAdmission) {
        pod.metadata.labels.extend(binding.metadata.labels.clone());
    }
    let condition = PodCondition {
        type_: POD_SCHEDULED.into(),
        status: "True".into(),
        ..PodCondition::default()
    };
    set_condition(&mut pod.status, condition, now);
    Ok(())
}
