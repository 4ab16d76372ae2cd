//! The rules of cluster roles.

use apimachinery::field::ErrorList;
use apis_cluster::rbac::cluster_role as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::rbac::v1::ClusterRole;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ClusterRoleStrategy;

impl Strategy for ClusterRoleStrategy {
    type Object = ClusterRole;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &ClusterRole) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &ClusterRole, old: &ClusterRole) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}
