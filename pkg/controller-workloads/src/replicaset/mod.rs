//! Replica sets and replication controllers: so many pods of one template (upstream: `pkg/controller/replicaset`).
//!
//! **Invariant:** pods are made or deleted only when the cache has shown everything that was made or deleted before.

mod kind;
mod status;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use client_go::Client;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::expectations::UidExpectations;
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::feature_gates::Feature;
use controller::workload::{
    BY_CONTROLLER, Claim, Patience, PodControl, PodWaker, SyncError, claimed, controller_of, index_by_controller,
    owned_or_orphans, pod_from_template, pods, slow_start_batch,
};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use k8s_api::apps::v1::ReplicaSet;
use k8s_api::core::v1::{Pod, ReplicationController};

use kind::Replicated;
use status::StatusChange;

/// The most pods that one reconcile makes or deletes; the rest comes when these have been seen.
const BURST: usize = 500;

/// `replicaset-controller`.
pub(crate) const REPLICA_SET: Descriptor =
    Descriptor::new("replicaset-controller", build::<ReplicaSet>).aliases(&["replicaset"]);
/// `replicationcontroller-controller`.
pub(crate) const REPLICATION_CONTROLLER: Descriptor =
    Descriptor::new("replicationcontroller-controller", build::<ReplicationController>)
        .aliases(&["replicationcontroller"]);

struct ReplicaSetController<T> {
    client: Client,
    sets: Lister<T>,
    pods: Lister<Pod>,
    control: PodControl,
    expectations: Arc<UidExpectations<ObjectKey>>,
    queue: WorkQueue<ObjectKey>,
    clock: Clock,
    count_terminating: bool,
    patience: Patience,
}

fn build<T: Replicated>(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client(T::ACCOUNT).await?;
        let (controller, caches) = ReplicaSetController::<T>::new(&context, client);
        let workers = usize::try_from(T::workers(&context.config)).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            context
                .run(caches, queue, workers, Retries::new("sync failed"), stop, reconcile)
                .await;
        })))
    }
    .boxed()
}

impl<T: Replicated> ReplicaSetController<T> {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (sets, pods) = (context.informers.informer::<T>(), context.informers.informer::<Pod>());
        index_by_controller(&sets);
        index_by_controller(&pods);
        let recorder = context.recorder(T::COMPONENT, &client);
        let this = Arc::new(Self {
            control: PodControl::new(client.clone(), recorder),
            client,
            sets: sets.lister(),
            pods: pods.lister(),
            expectations: Arc::default(),
            queue: context.queue(T::QUEUE),
            clock: context.clock.clone(),
            count_terminating: T::COUNTS_TERMINATING
                && context.enabled(Feature::DeploymentReplicaSetTerminatingReplicas),
            patience: Patience::default(),
        });
        let of_sets = this.clone();
        sets.add_handler(move |event| of_sets.on_set(&event));
        let waker = PodWaker::new(sets.lister(), this.queue.clone()).with_expectations(this.expectations.clone());
        pods.add_handler(move |event| waker.on_pod(event));
        (this, CacheSync::new().and(&sets).and(&pods))
    }

    fn on_set(&self, event: &Event<T>) {
        let key = ObjectKey::of(&**event.object());
        if matches!(event, Event::Deleted { .. }) {
            // Another set of this name must not wait for this one's pods.
            self.expectations.forget(&key);
        }
        self.queue.add(key);
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(set) = self.sets.get_key(&key) else {
            self.expectations.forget(&key);
            self.patience.forget(&key);
            return Ok(Outcome::Done);
        };
        let may_act = self.expectations.satisfied(&key);
        let selector = match set.pod_selector() {
            Ok(selector) => selector,
            Err(error) => {
                // Trying again does not make it better; the next change of the set may.
                tracing::error!(kind = T::KIND, %key, %error, "error converting pod selector to selector");
                return Ok(Outcome::Done);
            }
        };
        let all = owned_or_orphans(&self.pods, set.metadata());
        let claim = Claim::new(&self.client, &*set, &selector);
        let active = claim.claim(pods::active(&all), |_| true).await?;
        let terminating = self.count_terminating.then(|| {
            let all: Vec<_> = all.into_iter().filter(|pod| pods::is_terminating(pod)).collect();
            claimed(&*set, &selector, &all).len()
        });
        let outcome = if may_act && set.metadata().deletion_timestamp.is_none() {
            self.manage_replicas(&key, &set, active.clone()).await
        } else {
            Ok(())
        };
        let pending = outcome.is_ok() && !self.expectations.satisfied(&key);
        if let Some(wait) = self.patience.wait(&key, pending) {
            return Ok(Outcome::RequeueAfter(wait));
        }
        let change = StatusChange {
            active: &active,
            terminating,
            error: outcome.as_ref().err().map(ToString::to_string),
        };
        let status = change.apply(&*set, &self.clock);
        let (ready, available) = (status.ready_replicas, status.available_replicas);
        status::write(&self.client, &*set, status).await?;
        outcome?;
        let seconds = set.min_ready_seconds();
        if seconds > 0 && ready != available {
            let next = pods::next_availability_check(&active, seconds, &self.clock);
            return Ok(Outcome::RequeueAfter(next.unwrap_or_else(|| pods::seconds(seconds))));
        }
        Ok(Outcome::Done)
    }

    async fn manage_replicas(&self, key: &ObjectKey, set: &T, active: Vec<Arc<Pod>>) -> Result<(), SyncError> {
        let wanted = usize::try_from(set.replicas()).unwrap_or(0);
        if active.len() < wanted {
            self.create_pods(key, set, (wanted - active.len()).min(BURST)).await
        } else if active.len() > wanted {
            let count = (active.len() - wanted).min(BURST);
            self.delete_pods(key, set, active, count).await
        } else {
            Ok(())
        }
    }

    async fn create_pods(&self, key: &ObjectKey, set: &T, count: usize) -> Result<(), SyncError> {
        tracing::debug!(kind = T::KIND, %key, count, "Too few replicas");
        self.expectations.expect_creations(key, count);
        let pod = pod_from_template(set.template(), set);
        let create = |_| async {
            match self.control.create(set, &pod).await {
                // Nothing can be made there any more; the pods of the namespace are going as well.
                Err(error) if error.is_namespace_terminating() => Ok(()),
                outcome => outcome.map(drop),
            }
        };
        let (created, outcome) = slow_start_batch(count, create).await;
        for _ in created..count {
            self.expectations.creation_observed(key);
        }
        outcome
    }

    async fn delete_pods(
        &self,
        key: &ObjectKey,
        set: &T,
        mut active: Vec<Arc<Pod>>,
        count: usize,
    ) -> Result<(), SyncError> {
        tracing::debug!(kind = T::KIND, %key, count, "Too many replicas");
        if count < active.len() {
            pods::sort_for_deletion(&mut active, &self.related_pods(set), &self.clock);
        }
        active.truncate(count);
        self.expectations
            .expect_deletions(key, active.iter().map(|pod| pods::key(pod)));
        let outcomes = join_all(active.iter().map(|pod| async {
            let outcome = self.control.delete(set, &pod.metadata.name).await;
            if outcome.is_err() {
                self.expectations.deletion_observed(key, &pods::key(pod));
            }
            outcome
        }))
        .await;
        // They are mostly the same; the first says enough.
        outcomes
            .into_iter()
            .find(|outcome| outcome.as_ref().is_err_and(|error| !error.is_not_found()))
            .unwrap_or(Ok(()))
    }

    /// The pods of all sets that have the same controller.
    fn related_pods(&self, set: &T) -> Vec<Arc<Pod>> {
        let Some(controller) = controller_of(set.metadata()) else {
            return Vec::new();
        };
        self.sets
            .by_index(BY_CONTROLLER, &controller.uid)
            .iter()
            .flat_map(|set| self.pods.by_index(BY_CONTROLLER, &set.metadata().uid))
            .collect()
    }
}
