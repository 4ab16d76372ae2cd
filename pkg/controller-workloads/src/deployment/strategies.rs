//! How one template takes the place of another: step by step, or all at once.

use std::sync::Arc;

use client_go::workqueue::Outcome;
use controller::workload::{SyncError, pods};
use k8s_api::apps::v1::ReplicaSet;

use super::replica_sets::is_active;
use super::{Rollout, annotations, sizes};

impl Rollout<'_> {
    /// Whether the deployment's own size has changed, so that all sets are resized before the rollout goes on.
    pub(super) async fn is_scaling_event(&mut self) -> Result<bool, SyncError> {
        self.sync_revision(false).await?;
        let wanted = self.replicas();
        Ok(self
            .sets
            .iter()
            .filter(|set| is_active(set))
            .any(|set| annotations::desired_replicas(set).is_some_and(|desired| desired != wanted)))
    }

    /// Scales without rolling out: for deployments that are paused, or whose size has changed.
    pub(super) async fn sync_size(mut self) -> Result<Outcome, SyncError> {
        self.sync_revision(false).await?;
        self.resize().await?;
        if self.deployment.spec.paused && annotations::rollback_to(&self.deployment).is_none() {
            self.clean_up().await?;
        }
        self.write_status_if_changed().await
    }

    async fn resize(&mut self) -> Result<(), SyncError> {
        let newest = self.newest();
        let active: Vec<_> = self.sets.iter().filter(|set| is_active(set)).cloned().collect();
        let only = match active.as_slice() {
            [] => newest.clone().or_else(|| self.old_sets().pop()),
            [one] => Some(one.clone()),
            _ => None,
        };
        if active.len() <= 1 {
            let Some(only) = only else { return Ok(()) };
            self.scale(&only, self.replicas(), false).await?;
            return Ok(());
        }
        if newest.is_some_and(|newest| sizes::is_saturated(&self.deployment, &newest)) {
            for old in self.old_sets().iter().filter(|set| is_active(set)) {
                self.scale(old, 0, false).await?;
            }
            return Ok(());
        }
        if sizes::is_rolling(&self.deployment) {
            let sets: Vec<&ReplicaSet> = active.iter().map(|set| &**set).collect();
            let wanted = sizes::proportional_sizes(&self.deployment, &sets);
            for (set, size) in active.iter().zip(wanted) {
                self.scale(set, size, true).await?;
            }
        }
        Ok(())
    }

    /// One step of a rolling update.
    pub(super) async fn roll(mut self) -> Result<Outcome, SyncError> {
        let Some(newest) = self.sync_revision(true).await? else {
            return self.write_rollout_status().await;
        };
        if self.grow_newest(&newest).await? || self.shrink_old().await? {
            return self.write_rollout_status().await;
        }
        if self.is_complete(&self.deployment.status) {
            self.clean_up().await?;
        }
        self.write_rollout_status().await
    }

    async fn grow_newest(&mut self, newest: &ReplicaSet) -> Result<bool, SyncError> {
        let (size, wanted) = (sizes::size(newest), self.replicas());
        let to = if size >= wanted {
            wanted
        } else {
            let present = self.sets.iter().map(|set| sizes::size(set)).sum();
            sizes::newest_size(&self.deployment, present, size)
        };
        self.scale(newest, to, false).await
    }

    /// Takes pods away from old sets, as far as enough pods stay available: first those that are not available anyway.
    async fn shrink_old(&mut self) -> Result<bool, SyncError> {
        let Some(newest) = self.newest() else { return Ok(false) };
        let total: i32 = self.sets.iter().map(|set| sizes::size(set)).sum();
        if total == sizes::size(&newest) {
            return Ok(false);
        }
        let min_available = self.replicas() - sizes::max_unavailable(&self.deployment);
        let unavailable_newest = sizes::size(&newest) - newest.status.available_replicas;
        let most = total - min_available - unavailable_newest;
        if most <= 0 {
            return Ok(false);
        }
        let unhealthy = self
            .shrink(most, |set| sizes::size(set) - set.status.available_replicas)
            .await?;
        let available: i32 = self.sets.iter().map(|set| set.status.available_replicas).sum();
        let healthy = self.shrink(available - min_available, sizes::size).await?;
        Ok(unhealthy || healthy)
    }

    /// Takes up to `most` pods away from old sets, oldest first, from each as many as `spare` says.
    async fn shrink(&mut self, mut most: i32, spare: impl Fn(&ReplicaSet) -> i32) -> Result<bool, SyncError> {
        let mut scaled = false;
        for old in self.old_sets() {
            let count = spare(&old).min(most);
            if count > 0 {
                scaled |= self.scale(&old, sizes::size(&old) - count, false).await?;
                most -= count;
            }
        }
        Ok(scaled)
    }

    /// Ends all old pods before the first new one is made.
    pub(super) async fn recreate(mut self) -> Result<Outcome, SyncError> {
        let newest = self.sync_revision(false).await?;
        let mut scaled = false;
        for old in self.old_sets().iter().filter(|set| is_active(set)) {
            scaled |= self.scale(old, 0, false).await?;
        }
        if scaled || self.old_pods_run(newest.as_ref()) {
            return self.write_rollout_status().await;
        }
        if let Some(newest) = self.sync_revision(true).await? {
            self.scale(&newest, self.replicas(), false).await?;
        }
        if self.is_complete(&self.deployment.status) {
            self.clean_up().await?;
        }
        self.write_rollout_status().await
    }

    fn old_pods_run(&self, newest: Option<&Arc<ReplicaSet>>) -> bool {
        let is_newest = |set: &ReplicaSet| newest.is_some_and(|newest| newest.metadata.uid == set.metadata.uid);
        self.sets.iter().filter(|set| !is_newest(set)).any(|set| {
            set.status.replicas > 0 || self.controller.pods_of(set).iter().any(|pod| !pods::is_terminal(pod))
        })
    }
}
