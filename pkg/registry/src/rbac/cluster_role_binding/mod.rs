//! Cluster role bindings.

mod printer;
mod strategy;

use apis_cluster::rbac::cluster_role_binding;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::ClusterRoleBindingStrategy;

/// The resource `clusterrolebindings`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "clusterrolebindings",
        ClusterRoleBindingStrategy,
        cluster_role_binding::set_defaults,
    )
    .table(COLUMNS, row)
}
