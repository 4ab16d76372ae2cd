//! Endpoint slices of services with a selector (upstream: `pkg/controller/endpointslice`, `k8s.io/endpointslice`).

mod desired;

use std::sync::Arc;
use std::time::Duration;

use client_go::Client;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use component_base::feature_gates::Feature;
use controller::workload::SyncError;
use controller::{Built, CacheSync, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::core::v1::{Node, Pod, Service};
use k8s_api::discovery::v1::EndpointSlice;

use crate::MOST_RETRIES;
use crate::pods::{pods_of, selects_pods};
use crate::tracker::{SliceTracker, is_managed_by, service_key};
use crate::trigger::TriggerTimes;
use crate::wake::ServiceWaker;

/// Who manages the slices.
pub(crate) const MANAGER: &str = "endpointslice-controller.k8s.io";
/// The index of slices by their service.
pub(crate) const BY_SERVICE: &str = "service";
/// How long the cache has to catch up with what was written.
pub(crate) const CACHE_LAG: Duration = Duration::from_millis(100);

/// `endpointslice-controller`.
pub(crate) const ENDPOINT_SLICE: Descriptor =
    Descriptor::new("endpointslice-controller", build).aliases(&["endpointslice"]);

struct EndpointSliceController {
    client: Client,
    recorder: EventRecorder,
    services: Lister<Service>,
    pods: Lister<Pod>,
    nodes: Lister<Node>,
    slices: Lister<EndpointSlice>,
    tracker: Arc<SliceTracker>,
    triggers: TriggerTimes,
    queue: WorkQueue<ObjectKey>,
    limit: usize,
    same_zone_and_node: bool,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("endpointslice-controller").await?;
        let (controller, caches) = EndpointSliceController::new(&context, client);
        let workers = usize::try_from(context.config.endpoint_slice_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            let retries = Retries::at_verbosity(0, "Error syncing endpoint slices for service, retrying")
                .at_most(MOST_RETRIES, "Retry budget exceeded, dropping service out of the queue");
            context.run(caches, queue, workers, retries, stop, reconcile).await;
        })))
    }
    .boxed()
}

/// Adds the index of slices by their service.
pub(crate) fn index_by_service(slices: &client_go::cache::SharedInformer<EndpointSlice>) {
    slices.add_index(BY_SERVICE, |slice| {
        service_key(slice)
            .map(|key| key.as_str().to_owned())
            .into_iter()
            .collect()
    });
}

impl EndpointSliceController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (services, pods) = (
            context.informers.informer::<Service>(),
            context.informers.informer::<Pod>(),
        );
        let nodes = context.informers.informer::<Node>();
        let slices = context.informers.informer::<EndpointSlice>();
        index_by_service(&slices);
        let config = &context.config.endpoint_slice_controller;
        let this = Arc::new(Self {
            recorder: context.recorder("endpoint-slice-controller", &client),
            client,
            services: services.lister(),
            pods: pods.lister(),
            nodes: nodes.lister(),
            slices: slices.lister(),
            tracker: Arc::default(),
            triggers: TriggerTimes::default(),
            queue: context.queue("endpoint_slice"),
            limit: usize::try_from(config.max_endpoints_per_slice).unwrap_or(100),
            same_zone_and_node: context.enabled(Feature::PreferSameTrafficDistribution),
        });
        let queue = this.queue.clone();
        services.add_handler(move |event: Event<Service>| queue.add(ObjectKey::of(&**event.object())));
        let waker = ServiceWaker {
            services: services.lister(),
            queue: this.queue.clone(),
            batch_period: config.updates_batch_period.to_std(),
        };
        pods.add_handler(move |event| waker.on_pod(event));
        let (queue, tracker, period) = (
            this.queue.clone(),
            this.tracker.clone(),
            config.updates_batch_period.to_std(),
        );
        slices.add_handler(move |event: Event<EndpointSlice>| {
            let managed = |slice: &EndpointSlice| is_managed_by(slice, MANAGER);
            // A slice that was ours and is no longer matters as well.
            let was_managed = matches!(&event, Event::Updated { old, .. } if managed(old));
            if (managed(event.object()) || was_managed)
                && tracker.observed(&event)
                && let Some(service) = service_key(event.object())
            {
                queue.add_after(service, period);
            }
        });
        let caches = CacheSync::new().and(&services).and(&pods).and(&nodes).and(&slices);
        (this, caches)
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(service) = self.services.get_key(&key) else {
            // The slices go with their owner.
            self.triggers.forget(&key);
            self.tracker.forget(&key);
            return Ok(Outcome::Done);
        };
        if !selects_pods(&service) {
            return Ok(Outcome::Done);
        }
        let mut slices = self.slices.by_index(BY_SERVICE, key.as_str());
        slices.retain(|slice| is_managed_by(slice, MANAGER));
        if self.tracker.is_stale(&key, &slices) {
            tracing::debug!(%key, "EndpointSlice informer cache is out of date");
            return Ok(Outcome::RequeueAfter(CACHE_LAG));
        }
        slices.retain(|slice| slice.metadata.deletion_timestamp.is_none());
        let pods = pods_of(&service, &self.pods);
        let time = self
            .triggers
            .earliest_change(&key, &service, pods.iter().map(|pod| &**pod));
        let owner = desired::owner(&service, self.limit);
        let wanted = desired::groups(&service, &pods, &self.nodes, self.same_zone_and_node);
        let types = desired::address_types(&service);
        let plan = owner.plan(&slices, wanted.groups, &types);
        let goes = service.metadata.deletion_timestamp.is_some();
        let written = plan.carry_out(&self.client, &key, &self.tracker, time, goes).await;
        let mut errors = wanted.errors;
        errors.extend(written.err());
        let outcome = SyncError::collect(errors);
        if let Err(error) = &outcome {
            let note = format!("Error updating Endpoint Slices for Service {key}: {error}");
            self.recorder
                .event(&*service, EventType::Warning, "FailedToUpdateEndpointSlices", note);
        }
        outcome.map(|()| Outcome::Done)
    }
}
