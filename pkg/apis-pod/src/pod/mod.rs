//! Pods and pod templates.

mod containers;
mod defaults;
mod disabled;
mod in_use;
mod normalize;
mod options;
pub mod validation;
mod warnings;

pub use containers::{
    ContainerKind, any_container, as_container, for_each_container, for_each_container_mut, is_sidecar,
};
pub use defaults::{
    set_claim_spec_defaults, set_pod_defaults, set_pod_spec_defaults, set_pod_template_defaults,
    set_template_spec_defaults,
};
pub use disabled::{drop_disabled_pod_fields, drop_disabled_template_fields};
pub use normalize::{normalize_pod, normalize_pod_spec, normalize_template_spec};
pub use options::PodValidationOptions;
pub use warnings::{
    app_armor_profile_of_annotation, deprecated_node_label, warnings_for_claim_spec, warnings_for_node_selector_term,
    warnings_for_pod, warnings_for_template,
};

/// The annotation of pods that a kubelet mirrors from a file.
pub const MIRROR_ANNOTATION: &str = "kubernetes.io/config.mirror";
/// Prefix of the annotations from which AppArmor profiles were read before there was a field.
pub const APP_ARMOR_ANNOTATION_PREFIX: &str = "container.apparmor.security.beta.kubernetes.io/";
/// Prefix of the annotations from which seccomp profiles of containers were read.
pub const SECCOMP_CONTAINER_ANNOTATION_PREFIX: &str = "container.seccomp.security.alpha.kubernetes.io/";
/// The annotation from which a pod's seccomp profile was read.
pub const SECCOMP_POD_ANNOTATION: &str = "seccomp.security.alpha.kubernetes.io/pod";
/// The annotation that says how much it matters which pod of a set goes first.
pub const DELETION_COST_ANNOTATION: &str = "controller.kubernetes.io/pod-deletion-cost";

const WINDOWS: &str = "windows";
const LINUX: &str = "linux";

/// Whether the pod says that it is one for Windows.
fn is_windows(spec: &k8s_api::core::v1::PodSpec) -> bool {
    spec.os.as_ref().is_some_and(|os| os.name == WINDOWS)
}
