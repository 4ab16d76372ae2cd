//! Nodes.

mod annotations;
mod config_source;
#[cfg(test)]
mod tests;
mod validation;

use apimachinery::{field::Path, names};
use k8s_api::core::v1::Node;

pub use validation::{validate, validate_taints, validate_update};

use apis_pod::resources::round_up_list;

/// Sets the defaults of a node, and makes `podCIDR` the first of `podCIDRs`.
pub fn set_defaults(node: &mut Node) {
    let status = &mut node.status;
    if status.allocatable.is_empty() {
        status.allocatable.clone_from(&status.capacity);
    }
    round_up_list(&mut status.capacity);
    round_up_list(&mut status.allocatable);
    normalize_pod_cidrs(node);
}

/// Makes the singular and the plural agree; old clients know only the singular, which therefore wins.
fn normalize_pod_cidrs(node: &mut Node) {
    let spec = &mut node.spec;
    if !spec.pod_cidr.is_empty() && spec.pod_cidrs.first() != Some(&spec.pod_cidr) {
        spec.pod_cidrs = vec![spec.pod_cidr.clone()];
    }
    if let Some(first) = spec.pod_cidrs.first()
        && spec.pod_cidr.is_empty()
    {
        spec.pod_cidr.clone_from(first);
    }
}

/// Warnings about a node that is created or updated.
#[must_use]
pub fn warnings(node: &Node) -> Vec<String> {
    let mut warnings = Vec::new();
    if node.spec.config_source.is_some() {
        warnings.push("spec.configSource: the feature is removed".to_owned());
    }
    if !node.spec.external_id.is_empty() {
        warnings.push("spec.externalID: this field is deprecated, and is unused by Kubernetes".to_owned());
    }
    let path = Path::new("spec.podCIDRs");
    for (index, cidr) in node.spec.pod_cidrs.iter().enumerate() {
        warnings.extend(names::cidr_warnings(&path.index(index), cidr));
    }
    warnings
}
