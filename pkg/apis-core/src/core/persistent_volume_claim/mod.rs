//! Claims of persistent volumes: what may be claimed, and how a claim can change once it is bound.

mod data_source;
mod show;
#[cfg(test)]
mod tests;
mod update;
mod validation;

use apimachinery::field::Path;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{PersistentVolumeClaim, PersistentVolumeClaimSpec};

pub use apis_pod::pod::{set_claim_spec_defaults as set_spec_defaults, warnings_for_claim_spec as spec_warnings};
pub use data_source::{enforce_data_source_compatibility, normalize_data_sources};
pub use update::{validate_status_update, validate_update};
pub(crate) use validation::validate_access_modes;
pub use validation::{Options, validate, validate_spec};

use apis_pod::resources::round_up_list;

/// The annotation that named a claim's class before it was a field.
pub const BETA_CLASS_ANNOTATION: &str = "volume.beta.kubernetes.io/storage-class";
/// The phase of a claim that waits for its volume.
pub const PENDING: &str = "Pending";
/// The phase of a claim that has its volume.
pub const BOUND: &str = "Bound";
/// The mode of volumes that are mounted.
pub const FILESYSTEM: &str = "Filesystem";
/// The mode of volumes that are devices.
pub const BLOCK: &str = "Block";

/// How volumes may be accessed, in the order in which errors list it.
pub(crate) const ACCESS_MODES: [&str; 4] = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];
pub(crate) const VOLUME_MODES: [&str; 2] = [BLOCK, FILESYSTEM];

/// Sets the defaults of a claim.
pub fn set_defaults(claim: &mut PersistentVolumeClaim) {
    if claim.status.phase.is_empty() {
        PENDING.clone_into(&mut claim.status.phase);
    }
    set_spec_defaults(&mut claim.spec);
    round_up_list(&mut claim.status.capacity);
    round_up_list(&mut claim.status.allocated_resources);
}

/// The class that a claim asks for; empty if it names none.
#[must_use]
pub fn class_name(claim: &PersistentVolumeClaim) -> &str {
    let annotated = claim.metadata.annotations.get(BETA_CLASS_ANNOTATION);
    annotated
        .or(claim.spec.storage_class_name.as_ref())
        .map_or("", String::as_str)
}

/// Clears what the gates do not allow, unless `old` has it already.
pub fn drop_disabled_fields(
    spec: &mut PersistentVolumeClaimSpec,
    old: Option<&PersistentVolumeClaimSpec>,
    gates: &FeatureGates,
) {
    let elsewhere = spec
        .data_source_ref
        .as_ref()
        .and_then(|source| source.namespace.as_ref())
        .is_some_and(|namespace| !namespace.is_empty());
    let in_use = old.is_some_and(|old| old.data_source_ref.is_some());
    if elsewhere && !in_use && !gates.enabled(Feature::CrossNamespaceVolumeDataSource) {
        spec.data_source_ref = None;
    }
}

/// Warnings about a claim that is created or updated.
#[must_use]
pub fn warnings(claim: &PersistentVolumeClaim) -> Vec<String> {
    let mut warnings = Vec::new();
    if claim.metadata.annotations.contains_key(BETA_CLASS_ANNOTATION) {
        warnings.push(format!(
            "metadata.annotations[{BETA_CLASS_ANNOTATION}]: deprecated since v1.8; use \"storageClassName\" attribute instead"
        ));
    }
    warnings.extend(spec_warnings(&claim.spec, &Path::new("spec")));
    warnings
}
