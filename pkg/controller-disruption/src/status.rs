//! A budget's status.

use std::sync::Arc;
use std::time::Duration;

use client_go::events::EventType;
use controller::workload::SyncError;
use controller_objects::pods::is_ready;
use k8s_api::Map;
use k8s_api::core::v1::Pod;
use k8s_api::meta::v1::Condition;
use k8s_api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetStatus};
use k8s_api::primitives::Time;

use crate::DisruptionController;
use crate::expected::Expected;

/// How long an evicted pod may be seen without being deleted; then it is believed to stay.
const DELETION_TIMEOUT: Duration = Duration::from_secs(120);

const DISRUPTION_ALLOWED: &str = "DisruptionAllowed";

fn set_condition(conditions: &mut Vec<Condition>, mut wanted: Condition) {
    match conditions.iter_mut().find(|present| present.type_ == wanted.type_) {
        Some(present) => {
            if present.status == wanted.status {
                wanted.last_transition_time = present.last_transition_time;
            }
            *present = wanted;
        }
        None => conditions.push(wanted),
    }
}

impl DisruptionController {
    fn condition(&self, allowed: bool, reason: &str, message: String, generation: i64) -> Condition {
        Condition {
            type_: DISRUPTION_ALLOWED.to_owned(),
            status: if allowed { "True" } else { "False" }.to_owned(),
            reason: reason.to_owned(),
            message,
            observed_generation: generation,
            last_transition_time: Some(self.clock.now()),
        }
    }

    /// The evicted pods that are still to be deleted, and when to look at them again.
    pub(crate) fn disrupted(&self, budget: &PodDisruptionBudget, pods: &[Arc<Pod>]) -> (Map<Time>, Option<Duration>) {
        let (mut still, mut next) = (Map::default(), None::<Time>);
        for pod in pods.iter().filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let name = &pod.metadata.name;
            let Some(since) = budget.status.disrupted_pods.get(name) else {
                continue;
            };
            let end = since.plus(DELETION_TIMEOUT);
            if end < self.clock.now() {
                let namespace = &budget.metadata.namespace;
                let note = format!("Pod was expected by PDB {namespace}/{namespace} to be deleted but it wasn't");
                self.recorder.event(&**pod, EventType::Warning, "NotDeleted", note);
                continue;
            }
            next = Some(next.map_or(end, |next| next.min(end)));
            still.insert(name.clone(), *since);
        }
        // Just after the end, for at the end itself the pod is still believed to go.
        (still, next.map(|end| self.clock.until(end) + Duration::from_secs(1)))
    }

    /// Writes the status, if it changes.
    pub(crate) async fn write(
        &self,
        budget: &PodDisruptionBudget,
        pods: &[Arc<Pod>],
        expected: &Expected,
        disrupted: Map<Time>,
    ) -> Result<(), SyncError> {
        let healthy = pods
            .iter()
            .filter(|pod| pod.metadata.deletion_timestamp.is_none())
            .filter(|pod| !disrupted.contains_key(&pod.metadata.name) && is_ready(pod))
            .count();
        let healthy = i32::try_from(healthy).unwrap_or(i32::MAX);
        // A budget without pods is safe when the first ones come before this controller has seen them.
        let allowed = if expected.pods > 0 {
            healthy.saturating_sub(expected.healthy).max(0)
        } else {
            0
        };
        let generation = budget.metadata.generation;
        let mut status = PodDisruptionBudgetStatus {
            current_healthy: healthy,
            desired_healthy: expected.healthy,
            expected_pods: expected.pods,
            disruptions_allowed: allowed,
            disrupted_pods: disrupted,
            observed_generation: generation,
            conditions: budget.status.conditions.clone(),
        };
        let reason = if allowed > 0 {
            "SufficientPods"
        } else {
            "InsufficientPods"
        };
        let condition = self.condition(allowed > 0, reason, String::new(), generation);
        set_condition(&mut status.conditions, condition);
        self.put(budget, status).await
    }

    /// Allows no disruption, for the numbers cannot be told.
    pub(crate) async fn allow_none(&self, budget: &PodDisruptionBudget, error: &SyncError) -> Result<(), SyncError> {
        let mut status = budget.status.clone();
        status.disruptions_allowed = 0;
        let generation = status.observed_generation;
        let condition = self.condition(false, "SyncFailed", error.to_string(), generation);
        set_condition(&mut status.conditions, condition);
        self.put(budget, status).await
    }

    async fn put(&self, budget: &PodDisruptionBudget, status: PodDisruptionBudgetStatus) -> Result<(), SyncError> {
        if budget.status == status {
            return Ok(());
        }
        let mut budget = budget.clone();
        budget.status = status;
        let api = self
            .client
            .namespaced::<PodDisruptionBudget>(budget.metadata.namespace.clone());
        api.update_status(&budget).await?;
        Ok(())
    }
}
