//! Stateful sets: pods with names, in order, each with claims of its own (upstream: `pkg/controller/statefulset`).
//!
//! **Invariants.** Two pods of one name never run at a time: a name is used again only when its pod is gone. Unless pods may
//! be managed in parallel, one is made only when those before it are ready, and ended only when those behind it are gone.

mod claims;
mod identity;
mod ownership;
mod pods;
mod revisions;
mod status;
#[cfg(test)]
mod tests;
mod update;

use std::sync::Arc;
use std::time::Duration;

use apimachinery::selectors::Selector;
use client_go::Client;
use client_go::cache::{Lister, ObjectKey};
use client_go::events::EventRecorder;
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::feature_gates::Feature;
use controller::workload::history::History;
use controller::workload::{Claim, PodWaker, SyncError, index_by_controller, owned_or_orphans, pods as pod_states};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::apps::v1::{ControllerRevision, StatefulSet};
use k8s_api::core::v1::{PersistentVolumeClaim, Pod};

/// How long the cache has to catch up with what was made.
const CACHE_LAG: Duration = Duration::from_millis(100);

/// `statefulset-controller`.
pub(crate) const STATEFUL_SET: Descriptor = Descriptor::new("statefulset-controller", build).aliases(&["statefulset"]);

struct StatefulSetController {
    client: Client,
    recorder: EventRecorder,
    sets: Lister<StatefulSet>,
    pods: Lister<Pod>,
    claims: Lister<PersistentVolumeClaim>,
    history: History,
    queue: WorkQueue<ObjectKey>,
    clock: Clock,
    max_unavailable: bool,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("statefulset-controller").await?;
        let (controller, caches) = StatefulSetController::new(&context, client);
        let workers = usize::try_from(context.config.stateful_set_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            context
                .run(
                    caches,
                    queue,
                    workers,
                    Retries::new("Error syncing StatefulSet, requeuing"),
                    stop,
                    reconcile,
                )
                .await;
        })))
    }
    .boxed()
}

impl StatefulSetController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (sets, pods) = (
            context.informers.informer::<StatefulSet>(),
            context.informers.informer::<Pod>(),
        );
        let claims = context.informers.informer::<PersistentVolumeClaim>();
        let revisions = context.informers.informer::<ControllerRevision>();
        index_by_controller(&pods);
        index_by_controller(&revisions);
        let this = Arc::new(Self {
            recorder: context.recorder("statefulset-controller", &client),
            history: History::new(client.clone(), revisions.lister()),
            client,
            sets: sets.lister(),
            pods: pods.lister(),
            claims: claims.lister(),
            queue: context.queue("statefulset"),
            clock: context.clock.clone(),
            max_unavailable: context.enabled(Feature::MaxUnavailableStatefulSet),
        });
        let queue = this.queue.clone();
        sets.add_handler(move |event: client_go::cache::Event<StatefulSet>| {
            queue.add(ObjectKey::of(&**event.object()));
        });
        let waker = PodWaker::new(sets.lister(), this.queue.clone());
        pods.add_handler(move |event| waker.on_pod(event));
        let caches = CacheSync::new().and(&sets).and(&pods).and(&claims).and(&revisions);
        (this, caches)
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(set) = self.sets.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        let selector = match Selector::from_api(set.spec.selector.as_deref()) {
            Ok(selector) => selector,
            Err(error) => {
                tracing::error!(%key, %error, "Error converting StatefulSet selector");
                return Ok(Outcome::Done);
            }
        };
        let claim = Claim::new(&self.client, &*set, &selector);
        let revisions = claim.claim(self.history.list(&*set, &selector), |_| true).await?;
        let candidates = owned_or_orphans(&self.pods, &set.metadata);
        let member = |pod: &Pod| identity::parent_and_ordinal(&pod.metadata.name).0 == set.metadata.name;
        let pods = claim.claim(candidates, member).await?;
        let status = match self.update(&set, pods.clone(), revisions).await {
            Err(error) if error.request().is_some_and(client_go::Error::is_already_exists) => {
                tracing::debug!(%key, %error, "the cache is behind");
                return Ok(Outcome::RequeueAfter(CACHE_LAG));
            }
            outcome => outcome?,
        };
        let seconds = set.spec.min_ready_seconds;
        if seconds > 0 && status.ready_replicas != status.available_replicas {
            let next = pod_states::next_availability_check(&pods, seconds, &self.clock);
            return Ok(Outcome::RequeueAfter(
                next.unwrap_or_else(|| pod_states::seconds(seconds)),
            ));
        }
        Ok(Outcome::Done)
    }
}
