//! The rules of roles.

use apimachinery::field::ErrorList;
use apis_cluster::rbac::role as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::rbac::v1::Role;

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct RoleStrategy;

impl Strategy for RoleStrategy {
    type Object = Role;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, _context: &StrategyContext<'_>, object: &Role) -> ErrorList {
        rules::validate(object)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Role, old: &Role) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}
