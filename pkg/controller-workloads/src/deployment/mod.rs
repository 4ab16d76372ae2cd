//! Deployments: a replica set a template, and the way from one to the next (upstream: `pkg/controller/deployment`).
//!
//! **Invariants.** Of a rollout at most `maxSurge` pods are too many and `maxUnavailable` too few, by what the replica sets
//! report. What was written is read back: a reconcile never goes on with a state older than its own writes.

mod annotations;
mod conditions;
mod events;
mod replica_sets;
mod rollback;
mod sizes;
mod status;
mod strategies;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::cache::{Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::feature_gates::Feature;
use controller::workload::{BY_CONTROLLER, Claim, SyncError, index_by_controller, owned_or_orphans};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::apps::v1::{Deployment, ReplicaSet};
use k8s_api::core::v1::Pod;

/// After so many failures a deployment is left alone until something changes.
const RETRIES: Retries =
    Retries::at_verbosity(2, "Error syncing deployment").at_most(15, "Dropping deployment out of the queue");

/// `deployment-controller`.
pub(crate) const DEPLOYMENT: Descriptor = Descriptor::new("deployment-controller", build).aliases(&["deployment"]);

struct DeploymentController {
    client: Client,
    recorder: EventRecorder,
    deployments: Lister<Deployment>,
    sets: Lister<ReplicaSet>,
    pods: Lister<Pod>,
    queue: WorkQueue<ObjectKey>,
    clock: Clock,
    count_terminating: bool,
}

/// One reconcile of one deployment: its newest state, and that of its replica sets, older ones first.
struct Rollout<'a> {
    controller: &'a DeploymentController,
    deployment: Deployment,
    sets: Vec<Arc<ReplicaSet>>,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("deployment-controller").await?;
        let (controller, caches) = DeploymentController::new(&context, client);
        let workers = usize::try_from(context.config.deployment_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            context.run(caches, queue, workers, RETRIES, stop, reconcile).await;
        })))
    }
    .boxed()
}

impl DeploymentController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let deployments = context.informers.informer::<Deployment>();
        let (sets, pods) = (
            context.informers.informer::<ReplicaSet>(),
            context.informers.informer::<Pod>(),
        );
        index_by_controller(&sets);
        index_by_controller(&pods);
        let this = Arc::new(Self {
            recorder: context.recorder("deployment-controller", &client),
            client,
            deployments: deployments.lister(),
            sets: sets.lister(),
            pods: pods.lister(),
            queue: context.queue("deployment"),
            clock: context.clock.clone(),
            count_terminating: context.enabled(Feature::DeploymentReplicaSetTerminatingReplicas),
        });
        let (of_deployments, of_sets, of_pods) = (this.clone(), this.clone(), this.clone());
        deployments.add_handler(move |event| of_deployments.on_deployment(&event));
        sets.add_handler(move |event| of_sets.on_set(event));
        pods.add_handler(move |event| of_pods.on_pod(&event));
        (this, CacheSync::new().and(&deployments).and(&sets).and(&pods))
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        match self.sync(&key).await {
            // Nothing can be made in a namespace that ends, however often it is tried.
            Err(error) if error.is_namespace_terminating() => Ok(Outcome::Done),
            outcome => outcome,
        }
    }

    async fn sync(&self, key: &ObjectKey) -> Result<Outcome, SyncError> {
        let Some(deployment) = self.deployments.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let spec = &deployment.spec;
        if spec
            .selector
            .as_ref()
            .is_some_and(|selector| selector.match_labels.is_empty() && selector.match_expressions.is_empty())
        {
            return self.refuse_to_select_all(&deployment).await;
        }
        let selector = Selector::from_api(spec.selector.as_deref())?;
        let candidates = owned_or_orphans(&self.sets, &deployment.metadata);
        let claim = Claim::new(&self.client, &*deployment, &selector);
        let mut sets = claim.claim(candidates, |_| true).await?;
        sets.sort_by(|a, b| replica_sets::by_creation(a, b));
        let rollout = Rollout {
            controller: self,
            deployment: Deployment::clone(&deployment),
            sets,
        };
        rollout.reconcile().await
    }

    async fn refuse_to_select_all(&self, deployment: &Deployment) -> Result<Outcome, SyncError> {
        let note = "This deployment is selecting all pods. A non-empty selector is required.";
        self.recorder
            .event(deployment, EventType::Warning, "SelectingAll", note);
        if deployment.status.observed_generation < deployment.metadata.generation {
            let mut seen = deployment.clone();
            seen.status.observed_generation = seen.metadata.generation;
            let api = self.client.namespaced::<Deployment>(seen.metadata.namespace.clone());
            api.update_status(&seen).await?;
        }
        Ok(Outcome::Done)
    }

    /// The pods of a replica set, whatever state they are in.
    fn pods_of(&self, set: &ReplicaSet) -> Vec<Arc<Pod>> {
        self.pods.by_index(BY_CONTROLLER, &set.metadata.uid)
    }
}

impl Rollout<'_> {
    async fn reconcile(mut self) -> Result<Outcome, SyncError> {
        if self.deployment.metadata.deletion_timestamp.is_some() {
            self.sync_revision(false).await?;
            return self.write_status_if_changed().await;
        }
        self.sync_paused_condition().await?;
        if self.deployment.spec.paused {
            return self.sync_size().await;
        }
        if annotations::rollback_to(&self.deployment).is_some() {
            return self.rollback().await;
        }
        if self.is_scaling_event().await? {
            return self.sync_size().await;
        }
        match self.deployment.spec.strategy.type_.as_str() {
            "Recreate" => self.recreate().await,
            "RollingUpdate" => self.roll().await,
            other => Err(SyncError::Other(format!(
                "unexpected deployment strategy type: {other}"
            ))),
        }
    }

    fn replicas(&self) -> i32 {
        sizes::replicas(&self.deployment)
    }
}
