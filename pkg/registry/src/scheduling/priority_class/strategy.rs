//! The rules of priority classes.

use apimachinery::field::ErrorList;
use apis_workloads::scheduling::priority_class;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::scheduling::v1::PriorityClass;

/// The rules of priority classes.
#[derive(Clone, Copy, Debug)]
pub struct PriorityClassStrategy;

impl Strategy for PriorityClassStrategy {
    type Object = PriorityClass;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, class: &mut PriorityClass) {
        class.metadata.generation = 1;
    }

    fn validate(&self, _context: &StrategyContext<'_>, class: &PriorityClass) -> ErrorList {
        priority_class::validate(class)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &PriorityClass, old: &PriorityClass) -> ErrorList {
        priority_class::validate_update(new, old)
    }
}
