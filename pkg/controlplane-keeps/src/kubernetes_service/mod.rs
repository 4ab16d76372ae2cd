//! The Service `kubernetes`, by which whatever runs in the cluster reaches its API, and who is behind it.

mod count;
mod endpoints;
mod lease;
mod reconciler;
mod service;
#[cfg(test)]
mod tests;

pub(crate) use endpoints::EndpointsAdapter;
pub use reconciler::ReconcilerType;
pub(crate) use reconciler::{ReconcileError, Reconciler};
pub(crate) use service::ServiceSpecification;

/// The Service's name; it lies in the namespace `default`.
pub(crate) const NAME: &str = "kubernetes";
/// The Service's namespace.
pub(crate) const NAMESPACE: &str = "default";
