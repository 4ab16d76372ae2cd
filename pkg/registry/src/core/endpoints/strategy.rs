//! The rules of endpoints.

use apimachinery::field::ErrorList;
use apis_core::core::endpoints;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::core::v1::Endpoints;

/// The rules of endpoints.
#[derive(Clone, Copy, Debug)]
pub struct EndpointsStrategy;

impl Strategy for EndpointsStrategy {
    type Object = Endpoints;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, endpoints: &Endpoints) -> ErrorList {
        endpoints::validate(endpoints, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, endpoints: &Endpoints) -> Vec<String> {
        endpoints::warnings(endpoints)
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &Endpoints, old: &Endpoints) -> ErrorList {
        endpoints::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(&self, _context: &StrategyContext<'_>, new: &Endpoints, _old: &Endpoints) -> Vec<String> {
        endpoints::warnings(new)
    }

    fn allow_create_on_update(&self) -> bool {
        true
    }
}
