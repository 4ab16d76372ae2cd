//! One step towards the pods that are wanted: replicas first, then those too many, then those of a former revision.

use std::sync::Arc;

use controller::workload::pods::is_available;
use controller::workload::{SyncError, slow_start_batch};
use k8s_api::apps::v1::{ControllerRevision, StatefulSet, StatefulSetStatus};
use k8s_api::core::v1::Pod;

use super::identity::{self, identity_matches, ordinal, replicas, start_ordinal, storage_matches};
use super::revisions::{Revisions, sorted};
use super::{StatefulSetController, status};

/// Whether the step is over, or goes on with the next pod.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    GoOn,
    Wait,
}

/// One reconcile of one set.
struct Update<'a> {
    controller: &'a StatefulSetController,
    set: &'a StatefulSet,
    revisions: &'a Revisions,
    /// The pods that are wanted, by ordinal; those that are not there yet have no phase.
    wanted: Vec<Arc<Pod>>,
    /// The pods that are too many, the last one first.
    condemned: Vec<Arc<Pod>>,
}

fn is_terminating(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_some()
}

impl StatefulSetController {
    /// Takes one step, writes the status, and forgets revisions that nobody needs.
    pub(super) async fn update(
        &self,
        set: &StatefulSet,
        pods: Vec<Arc<Pod>>,
        known: Vec<Arc<ControllerRevision>>,
    ) -> Result<StatefulSetStatus, SyncError> {
        let known = sorted(known);
        let revisions = self.revisions(set, &known).await?;
        let update = Update::new(self, set, &revisions, &pods);
        let mut deleted = 0;
        let stepped = if set.metadata.deletion_timestamp.is_some() {
            Ok(())
        } else {
            update.step(&mut deleted).await
        };
        let mut status = status::of(
            set,
            &revisions,
            update.wanted.iter().chain(&update.condemned),
            &self.clock,
        );
        status.current_replicas -= deleted;
        let written = self.write_status(set, &mut status).await;
        let truncated = self.truncate_history(set, &pods, &known, &revisions).await;
        let mut errors: Vec<_> = stepped.err().into_iter().collect();
        errors.extend(written.err().map(SyncError::from));
        errors.extend(truncated.err());
        SyncError::collect(errors).map(|()| status)
    }
}

impl<'a> Update<'a> {
    fn new(
        controller: &'a StatefulSetController,
        set: &'a StatefulSet,
        revisions: &'a Revisions,
        pods: &[Arc<Pod>],
    ) -> Self {
        let start = start_ordinal(set);
        let count = usize::try_from(replicas(set)).unwrap_or(0);
        let mut wanted: Vec<Option<Arc<Pod>>> = vec![None; count];
        let mut condemned = Vec::new();
        for pod in pods {
            let Some(ordinal) = ordinal(pod) else { continue };
            let place = usize::try_from(ordinal - start)
                .ok()
                .and_then(|index| wanted.get_mut(index));
            match place {
                Some(place) => *place = Some(pod.clone()),
                None => condemned.push(pod.clone()),
            }
        }
        condemned.sort_by_key(|pod| std::cmp::Reverse(ordinal(pod)));
        let mut this = Self {
            controller,
            set,
            revisions,
            wanted: Vec::with_capacity(count),
            condemned,
        };
        for (ordinal, pod) in (start..).zip(wanted) {
            let pod = pod.unwrap_or_else(|| Arc::new(this.new_pod(ordinal)));
            this.wanted.push(pod);
        }
        this
    }

    /// A pod that is not there yet: of the former revision where the update has not come to yet.
    fn new_pod(&self, ordinal: i32) -> Pod {
        let strategy = &self.set.spec.update_strategy;
        let start = start_ordinal(self.set);
        let kept = match (&strategy.rolling_update, strategy.type_.as_str()) {
            (None, "RollingUpdate") => ordinal < start + self.set.status.current_replicas,
            (Some(rolling), _) => ordinal < start + rolling.partition.unwrap_or(0),
            (None, _) => false,
        };
        let revision = if kept {
            &self.revisions.current
        } else {
            &self.revisions.update
        };
        identity::new_pod(self.set, &revision.template, &revision.name, ordinal)
    }

    fn is_parallel(&self) -> bool {
        self.set.spec.pod_management_policy == "Parallel"
    }

    fn is_available(&self, pod: &Pod) -> bool {
        is_available(pod, self.set.spec.min_ready_seconds, &self.controller.clock)
    }

    fn is_unavailable(&self, pod: &Pod) -> bool {
        !self.is_available(pod) || is_terminating(pod)
    }

    async fn step(&self, deleted: &mut i32) -> Result<(), SyncError> {
        if self.for_all(&self.wanted, |pod| self.make_good(pod)).await? == Step::Wait {
            return Ok(());
        }
        let own_claims = |pod: Arc<Pod>| async move {
            if !self.controller.claims_match_policy(self.set, &pod) {
                self.controller.update_claims(self.set, &pod).await?;
            }
            Ok(Step::GoOn)
        };
        if self.for_all(&self.condemned, own_claims).await? == Step::Wait {
            return Ok(());
        }
        let first_unavailable = self
            .wanted
            .iter()
            .chain(self.condemned.iter().rev())
            .find(|pod| self.is_unavailable(pod))
            .map(|pod| pod.metadata.name.clone());
        let end = |pod: Arc<Pod>| self.end(pod, first_unavailable.as_deref());
        if self.for_all(&self.condemned, end).await? == Step::Wait {
            return Ok(());
        }
        if self.set.spec.update_strategy.type_ == "OnDelete" {
            return Ok(());
        }
        self.replace_outdated(deleted).await
    }

    /// Takes one pod after the other until one must be waited for; or all at once, if they may be managed in parallel.
    async fn for_all<F>(&self, pods: &[Arc<Pod>], action: impl Fn(Arc<Pod>) -> F) -> Result<Step, SyncError>
    where
        F: Future<Output = Result<Step, SyncError>>,
    {
        if self.is_parallel() {
            let act = |index: usize| {
                let future = action(pods[index].clone());
                async move { future.await.map(drop) }
            };
            slow_start_batch(pods.len(), act).await.1?;
            return Ok(Step::GoOn);
        }
        for pod in pods {
            if action(pod.clone()).await? == Step::Wait {
                return Ok(Step::Wait);
            }
        }
        Ok(Step::GoOn)
    }

    /// Makes a pod, or puts it right.
    async fn make_good(&self, pod: Arc<Pod>) -> Result<Step, SyncError> {
        let (controller, set, ordered) = (self.controller, self.set, !self.is_parallel());
        if matches!(pod.status.phase.as_str(), "Failed" | "Succeeded") {
            // It is made anew when it is gone.
            if !is_terminating(&pod) {
                controller.delete_pod(set, &pod).await?;
            }
            return Ok(Step::Wait);
        }
        if pod.status.phase.is_empty() {
            if controller.has_stale_claim(set, &pod) {
                return Ok(Step::Wait);
            }
            if pod.metadata.uid.is_empty() {
                controller.create_pod(set, &pod).await?;
            }
            if ordered {
                return Ok(Step::Wait);
            }
        }
        if pod.status.phase == "Pending" {
            controller.create_missing_claims(set, &pod).await?;
        }
        let ready = pod.status.phase == "Running" && self.is_available(&pod);
        if ordered && (is_terminating(&pod) || !ready) {
            return Ok(Step::Wait);
        }
        let exists = !pod.metadata.uid.is_empty();
        let right =
            identity_matches(set, &pod) && storage_matches(set, &pod) && controller.claims_match_policy(set, &pod);
        if exists && !right {
            controller.put_right(set, &pod).await?;
        }
        Ok(Step::GoOn)
    }

    /// Deletes a pod that is too many.
    async fn end(&self, pod: Arc<Pod>, first_unavailable: Option<&str>) -> Result<Step, SyncError> {
        let ordered = !self.is_parallel();
        if is_terminating(&pod) {
            return Ok(if ordered { Step::Wait } else { Step::GoOn });
        }
        let is_first = first_unavailable == Some(pod.metadata.name.as_str());
        let ready = pod.status.phase == "Running" && self.is_available(&pod);
        if ordered && !ready && !is_first {
            return Ok(Step::Wait);
        }
        self.controller.delete_pod(self.set, &pod).await?;
        Ok(Step::Wait)
    }

    fn max_unavailable(&self) -> usize {
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref();
        let wanted = rolling.and_then(|rolling| rolling.max_unavailable.as_ref());
        let total = i64::from(replicas(self.set));
        // Validation has seen to it that it is a number or a percentage.
        let number = wanted.map_or(Ok(1), |value| value.scaled(total, false)).unwrap_or(1);
        usize::try_from(number).unwrap_or(0).max(1)
    }

    /// Deletes pods of a former revision, the last one first, as far as enough pods are available.
    async fn replace_outdated(&self, deleted: &mut i32) -> Result<(), SyncError> {
        let rolling = self.set.spec.update_strategy.rolling_update.as_ref();
        let partition = rolling.and_then(|rolling| rolling.partition).unwrap_or(0);
        let from = usize::try_from(partition).unwrap_or(0).min(self.wanted.len());
        let is_outdated = |pod: &Pod| identity::revision(pod) != self.revisions.update.name && !is_terminating(pod);
        if self.controller.max_unavailable {
            let unavailable = self.wanted.iter().filter(|pod| self.is_unavailable(pod)).count();
            let room = self.max_unavailable().saturating_sub(unavailable);
            let outdated = self.wanted[from..].iter().rev().filter(|pod| is_outdated(pod));
            for pod in outdated.take(room) {
                self.controller.delete_pod(self.set, pod).await?;
                *deleted += 1;
            }
            return Ok(());
        }
        for pod in self.wanted[from..].iter().rev() {
            if is_outdated(pod) {
                self.controller.delete_pod(self.set, pod).await?;
                *deleted += 1;
                return Ok(());
            }
            if self.is_unavailable(pod) {
                return Ok(());
            }
        }
        Ok(())
    }
}
