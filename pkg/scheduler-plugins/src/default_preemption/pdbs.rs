//! Disruption budgets against a list of victims.

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::cache::Lister;
use k8s_api::policy::v1::PodDisruptionBudget;
use scheduler_framework::PodInfo;

/// A budget, its selector compiled.
#[derive(Debug)]
pub(super) struct Budget {
    budget: Arc<PodDisruptionBudget>,
    selector: Selector,
}

impl Budget {
    /// All budgets that protect any pods.
    pub(super) fn all(budgets: &Lister<PodDisruptionBudget>) -> Vec<Self> {
        let compile = |budget: Arc<PodDisruptionBudget>| {
            let selector = Selector::from_api(budget.spec.selector.as_deref()).ok()?;
            let protects = !selector.is_nothing() && !selector.is_everything();
            protects.then_some(Self { budget, selector })
        };
        budgets.list().into_iter().filter_map(compile).collect()
    }

    fn protects(&self, pod: &PodInfo) -> bool {
        self.budget.metadata.namespace == pod.namespace()
            && self.selector.matches(&pod.pod.metadata.labels)
            && !self.budget.status.disrupted_pods.contains_key(pod.name())
    }
}

/// Divides pods into those whose removal would hurt a budget and the others, each in the order given.
pub(super) fn divide(pods: Vec<Arc<PodInfo>>, budgets: &[Budget]) -> (Vec<Arc<PodInfo>>, Vec<Arc<PodInfo>>) {
    let mut left: Vec<i32> = budgets
        .iter()
        .map(|budget| budget.budget.status.disruptions_allowed)
        .collect();
    pods.into_iter().partition(|pod| {
        if pod.pod.metadata.labels.is_empty() {
            return false;
        }
        let mut violates = false;
        for (budget, left) in budgets.iter().zip(&mut left) {
            if budget.protects(pod) {
                *left -= 1;
                violates |= *left < 0;
            }
        }
        violates
    })
}
