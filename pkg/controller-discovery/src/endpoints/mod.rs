//! Endpoints: the older form of what stands behind a service (upstream: `pkg/controller/endpoint`).

mod subsets;

pub(crate) use subsets::repack;

use std::collections::HashMap;
use std::sync::Arc;

use crate::MOST_RETRIES;
use client_go::Client;
use client_go::api::DeleteOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use controller::workload::SyncError;
use controller::{Built, CacheSync, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::Map;
use k8s_api::core::v1::{Endpoints, Pod, Service};
use parking_lot::Mutex;

use crate::endpointslice::CACHE_LAG;
use crate::pods::{HEADLESS, is_headless, pods_of, selects_pods};
use crate::trigger::{self, TriggerTimes};
use crate::wake::ServiceWaker;

/// The label of endpoints with who manages them.
const MANAGED_BY: &str = "endpoints.kubernetes.io/managed-by";
const MANAGER: &str = "endpoint-controller";
/// The annotation of endpoints that do not hold all addresses.
const OVER_CAPACITY: &str = "endpoints.kubernetes.io/over-capacity";
/// The annotation of endpoints that elect a leader.
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";

/// `endpoints-controller`.
pub(crate) const ENDPOINTS: Descriptor = Descriptor::new("endpoints-controller", build).aliases(&["endpoint"]);

struct EndpointsController {
    client: Client,
    recorder: EventRecorder,
    services: Lister<Service>,
    pods: Lister<Pod>,
    endpoints: Lister<Endpoints>,
    triggers: TriggerTimes,
    /// The revisions that were written over and that the cache may still show.
    stale: Mutex<HashMap<ObjectKey, String>>,
    queue: WorkQueue<ObjectKey>,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("endpoint-controller").await?;
        let (controller, caches) = EndpointsController::new(&context, client);
        let workers = usize::try_from(context.config.endpoint_controller.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            let retries = Retries::at_verbosity(2, "Error syncing endpoints, retrying")
                .at_most(MOST_RETRIES, "Dropping service out of the queue");
            context.run(caches, queue, workers, retries, stop, reconcile).await;
        })))
    }
    .boxed()
}

impl EndpointsController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let (services, pods) = (
            context.informers.informer::<Service>(),
            context.informers.informer::<Pod>(),
        );
        let endpoints = context.informers.informer::<Endpoints>();
        let this = Arc::new(Self {
            recorder: context.recorder("endpoint-controller", &client),
            client,
            services: services.lister(),
            pods: pods.lister(),
            endpoints: endpoints.lister(),
            triggers: TriggerTimes::default(),
            stale: Mutex::default(),
            queue: context.queue("endpoint"),
        });
        let queue = this.queue.clone();
        services.add_handler(move |event: Event<Service>| queue.add(ObjectKey::of(&**event.object())));
        let waker = ServiceWaker {
            services: services.lister(),
            queue: this.queue.clone(),
            batch_period: context.config.endpoint_controller.updates_batch_period.to_std(),
        };
        pods.add_handler(move |event| waker.on_pod(event));
        let queue = this.queue.clone();
        endpoints.add_handler(move |event: Event<Endpoints>| {
            // Those that were there at the start may have lost their service; those that are gone are made anew.
            let look = match &event {
                Event::Added { object, initial } => *initial && !object.metadata.annotations.contains_key(LEADER),
                Event::Updated { .. } => false,
                Event::Deleted { .. } => true,
            };
            if look {
                queue.add(ObjectKey::of(&**event.object()));
            }
        });
        (this, CacheSync::new().and(&services).and(&pods).and(&endpoints))
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let api = self.client.namespaced::<Endpoints>(key.namespace());
        let Some(service) = self.services.get_key(&key) else {
            self.triggers.forget(&key);
            self.stale.lock().remove(&key);
            if self.endpoints.get_key(&key).is_none() {
                return Ok(Outcome::Done);
            }
            return match api.delete(key.name(), &DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => Err(error.into()),
                _ => Ok(Outcome::Done),
            };
        };
        if !selects_pods(&service) {
            return Ok(Outcome::Done);
        }
        let pods = pods_of(&service, &self.pods);
        let time = self
            .triggers
            .earliest_change(&key, &service, pods.iter().map(|pod| &**pod));
        let present = self.endpoints.get_key(&key);
        if let Some(present) = &present
            && self.stale.lock().get(&key) == Some(&present.metadata.resource_version)
        {
            tracing::debug!(%key, "endpoints informer cache is out of date");
            return Ok(Outcome::RequeueAfter(CACHE_LAG));
        }
        let wanted = subsets::of(&service, &pods);
        let labels = labels(&service);
        let mut endpoints = present.as_deref().cloned().unwrap_or_default();
        let truncated = endpoints.metadata.annotations.contains_key(OVER_CAPACITY);
        if present.is_some()
            && subsets::repack(&endpoints.subsets) == wanted
            && endpoints.metadata.labels == labels
            && !truncated
        {
            return Ok(Outcome::Done);
        }
        key.name().clone_into(&mut endpoints.metadata.name);
        key.namespace().clone_into(&mut endpoints.metadata.namespace);
        endpoints.metadata.labels = labels;
        endpoints.subsets = wanted;
        trigger::annotate(&mut endpoints.metadata, time);
        if subsets::truncate(&mut endpoints.subsets) {
            let annotations = &mut endpoints.metadata.annotations;
            annotations.insert(OVER_CAPACITY.to_owned(), "truncated".to_owned());
        } else {
            endpoints.metadata.annotations.remove(OVER_CAPACITY);
        }
        let written = match &present {
            None => api.create(&endpoints).await,
            Some(_) => api.update(&endpoints).await,
        };
        match written {
            Ok(updated) => {
                if let Some(present) = present
                    && updated.metadata.resource_version != present.metadata.resource_version
                {
                    let version = present.metadata.resource_version.clone();
                    self.stale.lock().insert(key, version);
                }
                Ok(Outcome::Done)
            }
            // Everything in the namespace goes.
            Err(error) if present.is_none() && controller_objects::is_namespace_terminating(&error) => {
                Ok(Outcome::Done)
            }
            // What an earlier round made, and the cache does not show yet.
            Err(error) if present.is_none() && error.is_already_exists() => Ok(Outcome::RequeueAfter(CACHE_LAG)),
            Err(error) => {
                let (reason, note) = if present.is_none() {
                    let note = format!("Failed to create endpoint for service {key}: {error}");
                    ("FailedToCreateEndpoint", note)
                } else {
                    (
                        "FailedToUpdateEndpoint",
                        format!("Failed to update endpoint {key}: {error}"),
                    )
                };
                self.recorder.event(&endpoints, EventType::Warning, reason, note);
                Err(error.into())
            }
        }
    }
}

fn labels(service: &Service) -> Map<String> {
    let mut labels = service.metadata.labels.clone();
    if is_headless(service) || service.spec.cluster_ip.is_empty() {
        labels.insert(HEADLESS.to_owned(), String::new());
    } else {
        labels.remove(HEADLESS);
    }
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    labels
}
