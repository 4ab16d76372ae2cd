//! The rules of disruption budgets.

use apimachinery::field::ErrorList;
use apis_workloads::policy::pod_disruption_budget;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};

/// The rules of disruption budgets.
#[derive(Clone, Copy, Debug)]
pub struct PodDisruptionBudgetStrategy;

impl Strategy for PodDisruptionBudgetStrategy {
    type Object = PodDisruptionBudget;

    fn namespaced(&self) -> bool {
        true
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, budget: &mut PodDisruptionBudget) {
        budget.status = PodDisruptionBudgetStatus::default();
        budget.metadata.generation = 1;
    }

    fn validate(&self, _context: &StrategyContext<'_>, budget: &PodDisruptionBudget) -> ErrorList {
        pod_disruption_budget::validate(budget)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut PodDisruptionBudget,
        old: &PodDisruptionBudget,
    ) {
        new.status.clone_from(&old.status);
        if new.spec != old.spec {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PodDisruptionBudget,
        old: &PodDisruptionBudget,
    ) -> ErrorList {
        pod_disruption_budget::validate_update(new, old)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["status"]]
    }
}

/// The rules of a budget's status.
#[derive(Clone, Copy, Debug)]
pub struct StatusStrategy;

impl Strategy for StatusStrategy {
    type Object = PodDisruptionBudget;

    fn namespaced(&self) -> bool {
        true
    }

    fn validate(&self, context: &StrategyContext<'_>, budget: &PodDisruptionBudget) -> ErrorList {
        PodDisruptionBudgetStrategy.validate(context, budget)
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut PodDisruptionBudget,
        old: &PodDisruptionBudget,
    ) {
        new.spec.clone_from(&old.spec);
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &PodDisruptionBudget,
        _old: &PodDisruptionBudget,
    ) -> ErrorList {
        pod_disruption_budget::validate_status_update(new)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }

    fn reset_fields(&self) -> &'static [&'static [&'static str]] {
        &[&["spec"]]
    }
}
