//! The rules of role bindings.

use apimachinery::field::ErrorList;
use apis_cluster::rbac::role_binding as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::rbac::v1::RoleBinding;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct RoleBindingStrategy;

impl Strategy for RoleBindingStrategy {
    type Object = RoleBinding;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &RoleBinding) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &RoleBinding, old: &RoleBinding) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}
