//! Deployments.

mod defaults;
#[cfg(test)]
mod tests;
mod validation;

use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::apps::v1::{Deployment, DeploymentStatus};

use crate::common::{SPEC, pod_name_warning, template::template_warnings};

pub use defaults::set_defaults;
pub use validation::{validate, validate_status_update, validate_update};

/// The annotation under which the revision to roll back to is kept, from before there was no field for it.
pub const ROLLBACK_ANNOTATION: &str = "deprecated.deployment.rollback.to";

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(deployment: &Deployment) -> Vec<String> {
    let mut warnings: Vec<_> = pod_name_warning(&deployment.metadata.name).into_iter().collect();
    warnings.extend(template_warnings(&SPEC.child("template"), &deployment.spec.template));
    warnings
}

/// What the author of a change should know.
#[must_use]
pub fn warnings_on_update(new: &Deployment, old: &Deployment) -> Vec<String> {
    if new.metadata.generation == old.metadata.generation {
        return Vec::new();
    }
    template_warnings(&SPEC.child("template"), &new.spec.template)
}

/// Clears what no feature knows that is on, and was not there before.
pub fn drop_disabled_status_fields(new: &mut DeploymentStatus, old: &DeploymentStatus, gates: &FeatureGates) {
    if old.terminating_replicas.is_none() && !gates.enabled(Feature::DeploymentReplicaSetTerminatingReplicas) {
        new.terminating_replicas = None;
    }
}
