//! The rules of runtime classes.

use apimachinery::field::ErrorList;
use apis_workloads::node::runtime_class;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::node::v1::RuntimeClass;

/// The rules of runtime classes: a PUT makes one, and who writes one must have seen it.
#[derive(Clone, Copy, Debug)]
pub struct RuntimeClassStrategy;

impl Strategy for RuntimeClassStrategy {
    type Object = RuntimeClass;

    fn namespaced(&self) -> bool {
        false
    }

    fn validate(&self, _context: &StrategyContext<'_>, class: &RuntimeClass) -> ErrorList {
        runtime_class::validate(class)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, class: &RuntimeClass) -> Vec<String> {
        runtime_class::warnings(class)
    }

    fn validate_update(&self, _context: &StrategyContext<'_>, new: &RuntimeClass, old: &RuntimeClass) -> ErrorList {
        runtime_class::validate_update(new, old)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &RuntimeClass,
        _old: &RuntimeClass,
    ) -> Vec<String> {
        runtime_class::warnings(new)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
