//! Ingresses.

mod backend;
mod paths;
mod status;
#[cfg(test)]
mod tests;
mod validation;

use apimachinery::names::ip_warnings;
use k8s_api::{networking::v1::Ingress, primitives::quote};

use crate::common::STATUS;

pub use status::validate_status_update;
pub use validation::{validate, validate_update};

/// The annotation that named the class before there was a field for it.
pub const CLASS_ANNOTATION: &str = "kubernetes.io/ingress.class";

/// What the creator should know.
#[must_use]
pub fn warnings_on_create(ingress: &Ingress) -> Vec<String> {
    let annotated = ingress.metadata.annotations.contains_key(CLASS_ANNOTATION);
    if !annotated || ingress.spec.ingress_class_name.is_some() {
        return Vec::new();
    }
    let annotation = quote(CLASS_ANNOTATION);
    vec![format!(
        "annotation {annotation} is deprecated, please use 'spec.ingressClassName' instead"
    )]
}

/// What the author of a changed status should know.
#[must_use]
pub fn warnings_on_status_update(new: &Ingress) -> Vec<String> {
    let path = STATUS.child("loadBalancer.ingress");
    let addresses = new.status.load_balancer.ingress.iter().enumerate();
    addresses
        .filter(|(_, point)| !point.ip.is_empty())
        .filter_map(|(index, point)| ip_warnings(&path.index(index), &point.ip))
        .collect()
}
