//! The status: counts, availability, progress and its deadline, pausing.

use std::sync::Arc;
use std::time::Duration;

use client_go::workqueue::Outcome;
use controller::workload::{SyncError, pods};
use k8s_api::apps::v1::{DeploymentStatus, ReplicaSet};

use super::conditions::{self, AVAILABLE, PROGRESSING, REPLICA_FAILURE, condition, of_replica_set, reason};
use super::{Rollout, sizes};

impl Rollout<'_> {
    pub(super) fn has_deadline(&self) -> bool {
        self.deployment
            .spec
            .progress_deadline_seconds
            .is_some_and(|seconds| seconds != i32::MAX)
    }

    /// Writes the status, and the annotations that go with it; what the server made of it is the present state.
    pub(super) async fn write_status(&mut self) -> Result<(), SyncError> {
        let api = self
            .controller
            .client
            .namespaced(self.deployment.metadata.namespace.clone());
        self.deployment = api.update_status(&self.deployment).await?;
        Ok(())
    }

    /// A condition says since when a deployment has been paused or resumed, so that the time in between does not count
    /// towards the deadline.
    pub(super) async fn sync_paused_condition(&mut self) -> Result<(), SyncError> {
        if !self.has_deadline() {
            return Ok(());
        }
        let present = conditions::get(&self.deployment.status, PROGRESSING);
        let is_reason = |wanted: &str| present.is_some_and(|condition| condition.reason == wanted);
        if is_reason(reason::TIMED_OUT) {
            return Ok(());
        }
        let was_paused = is_reason(reason::PAUSED);
        match (self.deployment.spec.paused, was_paused) {
            (true, false) => self.set_progressing("Unknown", reason::PAUSED, "Deployment is paused".to_owned()),
            (false, true) => self.set_progressing("Unknown", reason::RESUMED, "Deployment is resumed".to_owned()),
            _ => return Ok(()),
        }
        self.write_status().await
    }

    /// Counts and availability, as the replica sets report them.
    fn calculated_status(&self) -> DeploymentStatus {
        let sum = |count: &dyn Fn(&ReplicaSet) -> i32| self.sets.iter().map(|set| count(set)).sum::<i32>();
        let wanted = sum(&sizes::size);
        let available = sum(&|set| set.status.available_replicas);
        let before = &self.deployment.status;
        let mut status = DeploymentStatus {
            observed_generation: self.deployment.metadata.generation,
            replicas: sum(&|set| set.status.replicas),
            updated_replicas: self.newest().map_or(0, |set| set.status.replicas),
            ready_replicas: sum(&|set| set.status.ready_replicas),
            available_replicas: available,
            unavailable_replicas: (wanted - available).max(0),
            collision_count: before.collision_count,
            conditions: before.conditions.clone(),
            terminating_replicas: if self.controller.count_terminating {
                terminating(&self.sets)
            } else {
                None
            },
        };
        let now = self.controller.clock.now();
        let enough = available >= self.replicas() - sizes::max_unavailable(&self.deployment);
        conditions::set(
            &mut status,
            if enough {
                let message = "Deployment has minimum availability.";
                condition(AVAILABLE, "True", "MinimumReplicasAvailable", message, now)
            } else {
                let message = "Deployment does not have minimum availability.";
                condition(AVAILABLE, "False", "MinimumReplicasUnavailable", message, now)
            },
        );
        status
    }

    /// The status without a view on progress, for deployments that are scaled, paused or deleted.
    pub(super) async fn write_status_if_changed(mut self) -> Result<Outcome, SyncError> {
        let status = self.calculated_status();
        if self.deployment.status != status {
            self.deployment.status = status;
            self.write_status().await?;
        }
        Ok(Outcome::Done)
    }

    /// Whether everything is as wanted.
    pub(super) fn is_complete(&self, status: &DeploymentStatus) -> bool {
        let wanted = self.replicas();
        status.updated_replicas == wanted
            && status.replicas == wanted
            && status.available_replicas == wanted
            && status.observed_generation >= self.deployment.metadata.generation
    }

    fn has_progressed(&self, status: &DeploymentStatus) -> bool {
        let before = &self.deployment.status;
        let old = |status: &DeploymentStatus| status.replicas - status.updated_replicas;
        status.updated_replicas > before.updated_replicas
            || old(status) < old(before)
            || status.ready_replicas > before.ready_replicas
            || status.available_replicas > before.available_replicas
    }

    fn deadline(&self) -> Duration {
        pods::seconds(self.deployment.spec.progress_deadline_seconds.unwrap_or(i32::MAX))
    }

    fn has_timed_out(&self, status: &DeploymentStatus) -> bool {
        let Some(present) = conditions::get(status, PROGRESSING) else {
            return false;
        };
        match present.reason.as_str() {
            reason::NEW_AVAILABLE => false,
            reason::TIMED_OUT => true,
            _ => present
                .last_update_time
                .is_some_and(|updated| self.controller.clock.since(updated) > self.deadline()),
        }
    }

    fn judge_progress(&self, status: &mut DeploymentStatus) {
        let present = conditions::get(&self.deployment.status, PROGRESSING);
        let was_complete = status.replicas == status.updated_replicas
            && present.is_some_and(|condition| condition.reason == reason::NEW_AVAILABLE);
        if was_complete {
            return;
        }
        let subject = match self.newest() {
            Some(set) => format!("ReplicaSet {:?}", set.metadata.name),
            None => format!("Deployment {:?}", self.deployment.metadata.name),
        };
        let now = self.controller.clock.now();
        let progressing =
            |status, reason, rest: &str| condition(PROGRESSING, status, reason, format!("{subject} {rest}"), now);
        if self.is_complete(status) {
            let done = progressing("True", reason::NEW_AVAILABLE, "has successfully progressed.");
            conditions::set(status, done);
        } else if self.has_progressed(status) {
            // Every step starts the deadline anew, which the same reason would not.
            let mut step = progressing("True", reason::UPDATED, "is progressing.");
            if let Some(present) = present {
                if present.status == "True" {
                    step.last_transition_time = present.last_transition_time;
                }
                conditions::remove(status, PROGRESSING);
            }
            conditions::set(status, step);
        } else if self.has_timed_out(status) {
            let late = progressing("False", reason::TIMED_OUT, "has timed out progressing.");
            conditions::set(status, late);
        }
    }

    /// The status with a view on the rollout's progress; looks again when the deadline has passed.
    pub(super) async fn write_rollout_status(mut self) -> Result<Outcome, SyncError> {
        let mut status = self.calculated_status();
        if self.has_deadline() {
            self.judge_progress(&mut status);
        } else {
            conditions::remove(&mut status, PROGRESSING);
        }
        match self.replica_failure() {
            Some(failure) => conditions::set(&mut status, failure),
            None => conditions::remove(&mut status, REPLICA_FAILURE),
        }
        if self.deployment.status == status {
            return Ok(self.next_check(&status));
        }
        self.deployment.status = status;
        self.write_status().await?;
        Ok(Outcome::Done)
    }

    fn replica_failure(&self) -> Option<k8s_api::apps::v1::DeploymentCondition> {
        let newest = self.newest();
        newest
            .iter()
            .chain(&self.sets)
            .flat_map(|set| &set.status.conditions)
            .find(|condition| condition.type_ == REPLICA_FAILURE)
            .map(of_replica_set)
    }

    /// When a deployment that nothing happens to is looked at again: when its deadline has passed.
    fn next_check(&self, status: &DeploymentStatus) -> Outcome {
        let Some(present) = conditions::get(status, PROGRESSING) else {
            return Outcome::Done;
        };
        if !self.has_deadline() || self.is_complete(status) || present.reason == reason::TIMED_OUT {
            return Outcome::Done;
        }
        let waited = present
            .last_update_time
            .map_or(Duration::ZERO, |updated| self.controller.clock.since(updated));
        Outcome::RequeueAfter(self.deadline().saturating_sub(waited) + Duration::from_secs(1))
    }
}

/// Pods that are about to end; unknown if a set does not tell.
fn terminating(sets: &[Arc<ReplicaSet>]) -> Option<i32> {
    sets.iter()
        .try_fold(0, |sum, set| match set.status.terminating_replicas {
            Some(count) => Some(sum + count),
            // The set has not been looked at yet, so that it has no pods.
            None if set.status.observed_generation == 0 => Some(sum),
            None => None,
        })
}
