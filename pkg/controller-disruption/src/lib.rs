//! Pod disruption budgets: how many of the pods they guard may be evicted (upstream: `pkg/controller/disruption`).
//!
//! **Invariant:** when the numbers cannot be told, no disruption is allowed.
//! *Deliberate absence*: the eviction itself, which takes from the budget (it is the API server's).

mod expected;
mod stale;
mod status;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use controller::workload::SyncError;
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::core::v1::Pod;
use k8s_api::policy::v1::PodDisruptionBudget;

use expected::Scales;

/// The controllers of this crate.
pub const DESCRIPTORS: &[Descriptor] = &[Descriptor::new("disruption-controller", build).aliases(&["disruption"])];

struct DisruptionController {
    client: Client,
    recorder: EventRecorder,
    budgets: Lister<PodDisruptionBudget>,
    pods: Lister<Pod>,
    scales: Scales,
    queue: WorkQueue<ObjectKey>,
    stale: WorkQueue<ObjectKey>,
    clock: Clock,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("disruption-controller").await?;
        let (controller, caches) = DisruptionController::new(&context, client);
        Ok(Some(Controller::new(move |stop| async move {
            let (queue, stale, of_stale) = (controller.queue.clone(), controller.stale.clone(), controller.clone());
            let reconcile = move |key| controller.clone().reconcile(key);
            let clean = move |key| of_stale.clone().clean_stale(key);
            let cleaning = context.run_workers(
                stale,
                1,
                Retries::new("error syncing Pod to clear DisruptionTarget condition, requeueing"),
                stop.clone(),
                clean,
            );
            let syncing = context.run(
                caches,
                queue,
                1,
                Retries::new("Error syncing PodDisruptionBudget, requeuing"),
                stop,
                reconcile,
            );
            futures::future::join(syncing, cleaning).await;
        })))
    }
    .boxed()
}

impl DisruptionController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let budgets = context.informers.informer::<PodDisruptionBudget>();
        let pods = context.informers.informer::<Pod>();
        let (scales, caches) = Scales::new(context, &client);
        let this = Arc::new(Self {
            recorder: context.recorder("controllermanager", &client),
            client,
            budgets: budgets.lister(),
            pods: pods.lister(),
            scales,
            queue: context.queue("disruption"),
            stale: context.queue("stale_pod_disruption"),
            clock: context.clock.clone(),
        });
        let queue = this.queue.clone();
        budgets.add_handler(move |event: Event<PodDisruptionBudget>| queue.add(ObjectKey::of(&**event.object())));
        let of_pods = this.clone();
        pods.add_handler(move |event| of_pods.on_pod(&event));
        (this, caches.and(&budgets).and(&pods))
    }

    fn on_pod(&self, event: &Event<Pod>) {
        let pod = event.object();
        self.wake(pod);
        if let Event::Updated { old, .. } = event
            && old.metadata.labels != pod.metadata.labels
        {
            self.wake(old);
        }
        if !matches!(event, Event::Deleted { .. })
            && let Some(wait) = self.until_stale(pod)
        {
            self.stale.add_after(ObjectKey::of(&**pod), wait);
        }
    }

    /// Wakes the budgets that guard a pod.
    fn wake(&self, pod: &Pod) {
        let mut guards = self.budgets.list_namespace(&pod.metadata.namespace);
        guards.retain(|budget| {
            let selector = Selector::from_api(budget.spec.selector.as_deref());
            selector.is_ok_and(|selector| selector.matches(&pod.metadata.labels))
        });
        if let [first, _, ..] = guards.as_slice() {
            let note = format!(
                "Pod {:?}/{:?} matches multiple PodDisruptionBudgets.  Chose {:?} arbitrarily.",
                pod.metadata.namespace, pod.metadata.name, first.metadata.name
            );
            self.recorder
                .event(pod, EventType::Warning, "MultiplePodDisruptionBudgets", note);
        }
        for budget in guards {
            self.queue.add(ObjectKey::of(&*budget));
        }
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(budget) = self.budgets.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        match self.sync(&budget).await {
            Err(error) if error.request().is_some_and(client_go::Error::is_conflict) => Err(error),
            Err(error) => {
                tracing::error!(%key, %error, "Failed to sync PDB");
                self.allow_none(&budget, &error).await?;
                Ok(Outcome::Done)
            }
            done => done,
        }
    }

    async fn sync(&self, budget: &PodDisruptionBudget) -> Result<Outcome, SyncError> {
        let selector = Selector::from_api(budget.spec.selector.as_deref()).inspect_err(|error| {
            let note = format!("Failed to get pods: {error}");
            self.recorder.event(budget, EventType::Warning, "NoPods", note);
        })?;
        let pods = self.pods.select(&budget.metadata.namespace, &selector);
        if pods.is_empty() {
            let note = "No matching pods found";
            self.recorder.event(budget, EventType::Normal, "NoPods", note);
        }
        let expected = self.scales.expected(budget, &pods).await.inspect_err(|error| {
            let note = format!("Failed to calculate the number of expected pods: {error}");
            self.recorder
                .event(budget, EventType::Warning, "CalculateExpectedPodCountFailed", note);
        })?;
        if expected.unmanaged {
            self.recorder.event(
                budget,
                EventType::Warning,
                "UnmanagedPods",
                text::unmanaged(budget.spec.selector.as_deref()),
            );
        }
        let (disrupted, recheck) = self.disrupted(budget, &pods);
        self.write(budget, &pods, &expected, disrupted).await?;
        Ok(recheck.map_or(Outcome::Done, Outcome::RequeueAfter))
    }
}
