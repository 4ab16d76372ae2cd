//! The status: counts, and whether pods could not be made or deleted.

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::{Client, Error};
use controller::Clock;
use controller::workload::pods;
use k8s_api::apps::v1::{ReplicaSetCondition, ReplicaSetStatus};
use k8s_api::core::v1::Pod;

use super::kind::Replicated;

/// The condition of sets whose pods cannot be made or deleted.
const REPLICA_FAILURE: &str = "ReplicaFailure";

/// What a reconcile found.
pub(super) struct StatusChange<'a> {
    pub(super) active: &'a [Arc<Pod>],
    pub(super) terminating: Option<usize>,
    pub(super) error: Option<String>,
}

fn count(number: usize) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

impl StatusChange<'_> {
    /// The status that follows.
    pub(super) fn apply<T: Replicated>(&self, set: &T, clock: &Clock) -> ReplicaSetStatus {
        let mut status = set.status();
        let labels = Selector::from_labels(set.template().metadata.labels.iter());
        let counted = |fits: &dyn Fn(&Pod) -> bool| count(self.active.iter().filter(|pod| fits(pod)).count());
        status.replicas = count(self.active.len());
        status.fully_labeled_replicas = counted(&|pod| labels.matches(&pod.metadata.labels));
        status.ready_replicas = counted(&pods::is_ready);
        status.available_replicas = counted(&|pod| pods::is_available(pod, set.min_ready_seconds(), clock));
        status.terminating_replicas = self.terminating.map(count);
        let failed = status
            .conditions
            .iter()
            .any(|condition| condition.type_ == REPLICA_FAILURE);
        match &self.error {
            Some(message) if !failed => {
                let too_few = status.replicas < set.replicas();
                status.conditions.push(ReplicaSetCondition {
                    type_: REPLICA_FAILURE.to_owned(),
                    status: "True".to_owned(),
                    reason: if too_few { "FailedCreate" } else { "FailedDelete" }.to_owned(),
                    message: message.clone(),
                    last_transition_time: Some(clock.now()),
                });
            }
            None if failed => status.conditions.retain(|condition| condition.type_ != REPLICA_FAILURE),
            _ => {}
        }
        status.observed_generation = set.metadata().generation;
        status
    }
}

/// Writes a status that differs; once more on the newest state if the set has changed.
pub(super) async fn write<T: Replicated>(client: &Client, set: &T, status: ReplicaSetStatus) -> Result<(), Error> {
    if set.status() == status {
        return Ok(());
    }
    let api = client.namespaced::<T>(set.metadata().namespace.clone());
    let mut changed = set.clone();
    changed.set_status(status.clone());
    if api.update_status(&changed).await.is_ok() {
        return Ok(());
    }
    let mut fresh = api.get(&set.metadata().name).await?;
    fresh.set_status(status);
    api.update_status(&fresh).await.map(drop)
}
