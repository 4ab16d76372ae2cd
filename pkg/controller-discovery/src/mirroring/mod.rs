//! Slices that mirror endpoints which others write, for services without a selector (upstream:
//! `pkg/controller/endpointslicemirroring`).

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::MOST_RETRIES;
use client_go::Client;
use client_go::api::DeleteOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::{Outcome, WorkQueue};
use controller::workload::{SyncError, controller_reference};
use controller::{Built, CacheSync, Controller, ControllerContext, Descriptor, Retries};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use k8s_api::Map;
use k8s_api::core::v1::{EndpointAddress, Endpoints, Service};
use k8s_api::discovery::v1::{Endpoint, EndpointConditions, EndpointPort, EndpointSlice};

use crate::endpoints::repack;
use crate::endpointslice::{BY_SERVICE, CACHE_LAG, index_by_service};
use crate::slices::{Group, SliceOwner};
use crate::tracker::{MANAGED_BY, SERVICE_NAME, SliceTracker, is_managed_by, service_key};
use crate::trigger::ANNOTATION;

const MANAGER: &str = "endpointslicemirroring-controller.k8s.io";
/// The label of endpoints that are not mirrored.
const SKIP: &str = "endpointslice.kubernetes.io/skip-mirror";
const LEADER: &str = "control-plane.alpha.kubernetes.io/leader";
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// `endpointslice-mirroring-controller`.
pub(crate) const ENDPOINT_SLICE_MIRRORING: Descriptor =
    Descriptor::new("endpointslice-mirroring-controller", build).aliases(&["endpointslicemirroring"]);

struct MirroringController {
    client: Client,
    recorder: EventRecorder,
    services: Lister<Service>,
    endpoints: Lister<Endpoints>,
    slices: Lister<EndpointSlice>,
    tracker: Arc<SliceTracker>,
    queue: WorkQueue<ObjectKey>,
    limit: usize,
}

fn build(context: ControllerContext) -> BoxFuture<'static, Built> {
    async move {
        let client = context.client("endpointslicemirroring-controller").await?;
        let (controller, caches) = MirroringController::new(&context, client);
        let config = &context.config.endpoint_slice_mirroring_controller;
        let workers = usize::try_from(config.concurrent_syncs).unwrap_or(1);
        Ok(Some(Controller::new(move |stop| async move {
            let queue = controller.queue.clone();
            let reconcile = move |key| controller.clone().reconcile(key);
            let retries = Retries::at_verbosity(0, "Error mirroring EndpointSlices for Endpoints, retrying").at_most(
                MOST_RETRIES,
                "Retry budget exceeded, dropping Endpoints out of the queue",
            );
            context.run(caches, queue, workers, retries, stop, reconcile).await;
        })))
    }
    .boxed()
}

fn is_mirrored(endpoints: &Endpoints) -> bool {
    endpoints.metadata.labels.get(SKIP).is_none_or(|skip| skip != "true")
        && !endpoints.metadata.annotations.contains_key(LEADER)
}

/// What was left out of a mirror.
#[derive(Default)]
struct Skipped {
    invalid: usize,
    too_many: usize,
}

impl MirroringController {
    fn new(context: &ControllerContext, client: Client) -> (Arc<Self>, CacheSync) {
        let services = context.informers.informer::<Service>();
        let endpoints = context.informers.informer::<Endpoints>();
        let slices = context.informers.informer::<EndpointSlice>();
        index_by_service(&slices);
        let config = &context.config.endpoint_slice_mirroring_controller;
        let this = Arc::new(Self {
            recorder: context.recorder("endpoint-slice-mirroring-controller", &client),
            client,
            services: services.lister(),
            endpoints: endpoints.lister(),
            slices: slices.lister(),
            tracker: Arc::default(),
            queue: context.queue("endpoint_slice_mirroring"),
            limit: usize::try_from(config.max_endpoints_per_subset).unwrap_or(1000),
        });
        let queue = this.queue.clone();
        services.add_handler(move |event: Event<Service>| {
            let bare = |service: &Service| service.spec.selector.is_empty();
            let look = match &event {
                Event::Added { object, .. } | Event::Deleted { object, .. } => bare(object),
                Event::Updated { old, new } => bare(old) != bare(new),
            };
            if look {
                queue.add(ObjectKey::of(&**event.object()));
            }
        });
        let (queue, period) = (this.queue.clone(), config.updates_batch_period.to_std());
        endpoints.add_handler(move |event: Event<Endpoints>| {
            let was = matches!(&event, Event::Updated { old, .. } if is_mirrored(old));
            if was || is_mirrored(event.object()) {
                queue.add_after(ObjectKey::of(&**event.object()), period);
            }
        });
        let (queue, tracker) = (this.queue.clone(), this.tracker.clone());
        slices.add_handler(move |event: Event<EndpointSlice>| {
            if is_managed_by(event.object(), MANAGER)
                && tracker.observed(&event)
                && let Some(service) = service_key(event.object())
            {
                queue.add_after(service, period);
            }
        });
        (this, CacheSync::new().and(&services).and(&endpoints).and(&slices))
    }

    async fn reconcile(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let mut slices = self.slices.by_index(BY_SERVICE, key.as_str());
        slices.retain(|slice| is_managed_by(slice, MANAGER));
        let wanted = self
            .endpoints
            .get_key(&key)
            .filter(|endpoints| is_mirrored(endpoints))
            .filter(|_| {
                self.services
                    .get_key(&key)
                    .is_some_and(|service| service.spec.selector.is_empty())
            });
        let Some(endpoints) = wanted else {
            self.tracker.forget(&key);
            return self.remove(&key, &slices).await;
        };
        if self.tracker.is_stale(&key, &slices) {
            tracing::debug!(%key, "EndpointSlice informer cache is out of date");
            return Ok(Outcome::RequeueAfter(CACHE_LAG));
        }
        slices.retain(|slice| slice.metadata.deletion_timestamp.is_none());
        let (groups, skipped) = self.groups(&endpoints);
        self.tell(&endpoints, &skipped);
        let plan = self.owner(&endpoints).plan(&slices, groups, &[]);
        let goes = endpoints.metadata.deletion_timestamp.is_some();
        plan.carry_out(&self.client, &key, &self.tracker, None, goes).await?;
        Ok(Outcome::Done)
    }

    async fn remove(&self, key: &ObjectKey, slices: &[Arc<EndpointSlice>]) -> Result<Outcome, SyncError> {
        let api = self.client.namespaced::<EndpointSlice>(key.namespace());
        for slice in slices {
            match api.delete(&slice.metadata.name, &DeleteOptions::default()).await {
                Err(error) if !error.is_not_found() => return Err(error.into()),
                _ => {}
            }
        }
        Ok(Outcome::Done)
    }

    fn owner(&self, endpoints: &Endpoints) -> SliceOwner {
        let mut labels = endpoints.metadata.labels.clone();
        labels.insert(SERVICE_NAME.to_owned(), endpoints.metadata.name.clone());
        labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
        let annotations: Map<String> = endpoints
            .metadata
            .annotations
            .iter()
            .filter(|(key, _)| !["", ANNOTATION, LAST_APPLIED].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        SliceOwner {
            namespace: endpoints.metadata.namespace.clone(),
            name: endpoints.metadata.name.clone(),
            reference: controller_reference(endpoints),
            labels,
            annotations,
            limit: self.limit,
        }
    }

    fn groups(&self, endpoints: &Endpoints) -> (Vec<Group>, Skipped) {
        let mut groups: BTreeMap<(usize, &str), Group> = BTreeMap::new();
        let mut skipped = Skipped::default();
        for (index, subset) in repack(&endpoints.subsets).iter().enumerate() {
            let ports: Vec<EndpointPort> = subset
                .ports
                .iter()
                .map(|port| EndpointPort {
                    name: Some(port.name.clone()),
                    port: Some(port.port),
                    protocol: Some(port.protocol.clone()),
                    app_protocol: port.app_protocol.clone(),
                })
                .collect();
            let ready = subset.addresses.iter().map(|address| (address, true));
            let not_ready = subset.not_ready_addresses.iter().map(|address| (address, false));
            let mut added = 0;
            for (address, ready) in ready.chain(not_ready) {
                if added >= self.limit {
                    skipped.too_many += 1;
                    continue;
                }
                let Some((address_type, endpoint)) = mirrored(address, ready) else {
                    skipped.invalid += 1;
                    continue;
                };
                added += 1;
                let group = groups.entry((index, address_type)).or_insert_with(|| Group {
                    address_type: address_type.to_owned(),
                    ports: ports.clone(),
                    endpoints: Vec::new(),
                });
                group.endpoints.push(endpoint);
            }
        }
        (groups.into_values().collect(), skipped)
    }

    fn tell(&self, endpoints: &Endpoints, skipped: &Skipped) {
        let warn = |reason: &str, note: String| self.recorder.event(endpoints, EventType::Warning, reason, note);
        let Skipped { invalid, too_many } = skipped;
        if *invalid > 0 {
            let note = format!("Skipped {invalid} invalid IP addresses when mirroring to EndpointSlices");
            warn("InvalidIPAddress", note);
        }
        if *too_many > 0 {
            let note = format!(
                "A max of {} addresses can be mirrored to EndpointSlices per Endpoints subset. {} addresses were skipped",
                self.limit,
                too_many + invalid
            );
            warn("TooManyAddressesToMirror", note);
        }
    }
}

fn mirrored(address: &EndpointAddress, ready: bool) -> Option<(&'static str, Endpoint)> {
    let ip = apimachinery::names::parse_ip_sloppy(&address.ip)?;
    let endpoint = Endpoint {
        addresses: vec![ip.to_string()],
        conditions: EndpointConditions {
            ready: Some(ready),
            ..EndpointConditions::default()
        },
        hostname: (!address.hostname.is_empty()).then(|| address.hostname.clone()),
        node_name: address.node_name.clone(),
        target_ref: address.target_ref.clone(),
        ..Endpoint::default()
    };
    Some((if ip.is_ipv6() { "IPv6" } else { "IPv4" }, endpoint))
}
