//! The rules of cluster role bindings.

use apimachinery::field::ErrorList;
use apis_cluster::rbac::cluster_role_binding as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::rbac::v1::ClusterRoleBinding;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ClusterRoleBindingStrategy;

impl Strategy for ClusterRoleBindingStrategy {
    type Object = ClusterRoleBinding;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &ClusterRoleBinding) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ClusterRoleBinding,
        old: &ClusterRoleBinding,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}
