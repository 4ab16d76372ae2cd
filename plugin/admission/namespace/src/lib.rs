//! Admission by the state of namespaces.
//!
//! [`NamespaceLifecycle`] (on by default) keeps new content out of namespaces that do not exist or are
//! being deleted, and keeps the system's namespaces from deletion. [`NamespaceExists`] only checks that
//! the namespace is there; [`NamespaceAutoProvision`] makes those that are not. Upstream:
//! `plugin/namespace/lifecycle` of `k8s.io/apiserver` and `plugin/pkg/admission/namespace`.

mod auto_provision;
mod exists;
mod lifecycle;
#[cfg(test)]
mod tests;

pub use auto_provision::{NamespaceAutoProvision, NamespaceMaker};
pub use exists::NamespaceExists;
pub use lifecycle::NamespaceLifecycle;

use apimachinery::status::{GroupResource, StatusError};
use apiserver::admission::Attributes;

fn is_namespace(attributes: &Attributes<'_>) -> bool {
    attributes.kind.group.is_empty() && attributes.kind.name == "Namespace"
}

fn not_found(namespace: &str) -> StatusError {
    StatusError::not_found(GroupResource::new("", "namespaces"), namespace)
}
