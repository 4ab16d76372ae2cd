//! Cluster roles.

mod strategy;

use crate::registration::{Registration, no_defaults};

pub use strategy::ClusterRoleStrategy;

/// The resource `clusterroles`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("clusterroles", ClusterRoleStrategy, no_defaults)
}
