//! The rules of leases.

use apimachinery::field::ErrorList;
use apis_workloads::coordination::lease;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::coordination::v1::Lease;

/// The rules of leases: a PUT makes one, and who writes one must have seen it.
#[derive(Clone, Copy, Debug)]
pub struct LeaseStrategy;

impl Strategy for LeaseStrategy {
    type Object = Lease;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, context: &StrategyContext<'_>, lease: &mut Lease) {
        lease::drop_disabled_fields(lease, None, context.gates);
    }

    fn validate(&self, _context: &StrategyContext<'_>, lease: &Lease) -> ErrorList {
        lease::validate(lease)
    }

    fn prepare_for_update(&self, context: &StrategyContext<'_>, new: &mut Lease, old: &Lease) {
        lease::drop_disabled_fields(new, Some(old), context.gates);
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &Lease, old: &Lease) -> ErrorList {
        lease::validate_update(new, old)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
