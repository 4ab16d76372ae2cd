//! The rules of network policies.

use apimachinery::field::ErrorList;
use apis_workloads::networking::network_policy;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::networking::v1::NetworkPolicy;

/// The rules of network policies.
#[derive(Clone, Copy, Debug)]
pub struct NetworkPolicyStrategy;

impl Strategy for NetworkPolicyStrategy {
    type Object = NetworkPolicy;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, policy: &mut NetworkPolicy) {
        policy.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, policy: &NetworkPolicy) -> ErrorList {
        network_policy::validate(policy, context.gates)
    }

    fn warnings_on_create(&self, _context: &StrategyContext<'_>, policy: &NetworkPolicy) -> Vec<String> {
        network_policy::warnings(policy)
    }

    fn prepare_for_update(&self, _context: &StrategyContext<'_>, new: &mut NetworkPolicy, old: &NetworkPolicy) {
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(&self, context: &StrategyContext<'_>, new: &NetworkPolicy, old: &NetworkPolicy) -> ErrorList {
        network_policy::validate_update(new, old, context.gates)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &NetworkPolicy,
        _old: &NetworkPolicy,
    ) -> Vec<String> {
        network_policy::warnings(new)
    }
}
