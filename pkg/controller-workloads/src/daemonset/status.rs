//! The status: how many nodes should have a pod, and what they have.

use controller::workload::{SyncError, pods};
use k8s_api::apps::v1::{DaemonSet, DaemonSetStatus};

use super::{Sync, template};

impl Sync<'_> {
    fn status(&self) -> DaemonSetStatus {
        let mut status = DaemonSetStatus {
            collision_count: self.set.status.collision_count,
            conditions: self.set.status.conditions.clone(),
            observed_generation: self.set.status.observed_generation,
            ..DaemonSetStatus::default()
        };
        for fit in &self.nodes {
            let first = self.pods.get(&fit.node.metadata.name).and_then(|pods| pods.first());
            if !fit.runs {
                status.number_misscheduled += i32::from(first.is_some());
                continue;
            }
            status.desired_number_scheduled += 1;
            let Some(pod) = first else { continue };
            status.current_number_scheduled += 1;
            status.number_ready += i32::from(pods::is_ready(pod));
            status.number_available += i32::from(self.is_available(pod));
            status.updated_number_scheduled += i32::from(template::is_updated(self.set, &self.hash, pod));
        }
        status.number_unavailable = status.desired_number_scheduled - status.number_available;
        status
    }

    /// Writes the status; `observed` says whether the set's present generation has been acted on.
    pub(super) async fn write_status(&self, observed: bool) -> Result<(), SyncError> {
        let mut status = self.status();
        let seconds = self.set.spec.min_ready_seconds;
        if seconds > 0 && status.number_ready != status.number_available {
            self.controller
                .queue
                .add_after(self.key.clone(), pods::seconds(seconds));
        }
        let is_observed = self.set.status.observed_generation >= self.set.metadata.generation;
        if observed {
            status.observed_generation = self.set.metadata.generation;
        }
        if status == self.set.status && is_observed {
            return Ok(());
        }
        let api = self
            .controller
            .client
            .namespaced::<DaemonSet>(self.set.metadata.namespace.clone());
        let mut changed = self.set.clone();
        changed.status = status.clone();
        if api.update_status(&changed).await.is_ok() {
            return Ok(());
        }
        let mut fresh = api.get(&self.set.metadata.name).await?;
        // A collision that was counted meanwhile stays counted.
        status.collision_count = fresh.status.collision_count;
        fresh.status = status;
        api.update_status(&fresh).await?;
        Ok(())
    }
}
