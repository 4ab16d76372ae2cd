//! The rules of ingress classes.

use apimachinery::field::ErrorList;
use apis_workloads::networking::ingress_class;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::networking::v1::IngressClass;

/// The rules of ingress classes.
#[derive(Clone, Copy, Debug)]
pub struct IngressClassStrategy;

impl Strategy for IngressClassStrategy {
    type Object = IngressClass;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, class: &mut IngressClass) {
        class.metadata.generation = 1;
    }

    fn validate(&self, _context: &StrategyContext<'_>, class: &IngressClass) -> ErrorList {
        ingress_class::validate(class)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut IngressClass, old: &IngressClass) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &IngressClass, old: &IngressClass) -> ErrorList {
        ingress_class::validate_update(new, old)
    }
}
