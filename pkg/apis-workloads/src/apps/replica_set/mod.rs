//! Replica sets.

#[cfg(test)]
mod tests;
mod validation;

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::apps::v1::{ReplicaSet, ReplicaSetStatus};

use crate::common::{
    SPEC, pod_name_warning,
    template::{set_template_defaults, template_warnings},
};

pub use validation::{validate, validate_status_update, validate_update};

/// Sets the defaults.
pub fn set_defaults(replica_set: &mut ReplicaSet) {
    replica_set.spec.replicas.get_or_insert(1);
    set_template_defaults(&mut replica_set.spec.template);
}

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(replica_set: &ReplicaSet) -> Vec<String> {
    let mut warnings: Vec<_> = pod_name_warning(&replica_set.metadata.name).into_iter().collect();
    warnings.extend(template_warnings(&SPEC.child("template"), &replica_set.spec.template));
    warnings
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(new: &ReplicaSet, old: &ReplicaSet) -> Vec<String> {
    if new.metadata.generation == old.metadata.generation {
        return Vec::new();
    }
    template_warnings(&SPEC.child("template"), &new.spec.template)
}

/// Clears what no feature knows that is on, and was not there before.
pub fn drop_disabled_status_fields(new: &mut ReplicaSetStatus, old: &ReplicaSetStatus, gates: &FeatureGates) {
    if old.terminating_replicas.is_none() && !gates.enabled(Feature::DeploymentReplicaSetTerminatingReplicas) {
        new.terminating_replicas = None;
    }
}
