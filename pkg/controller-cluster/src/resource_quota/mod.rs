//! Counts what the objects of a namespace use of its quotas (upstream: `pkg/controller/resourcequota`).
//!
//! Admission charges what is created; here everything is counted again when a quota is new or other than it was, when
//! something goes or uses something else, and now and then. What an object uses its evaluator says ([`quota`]); pods,
//! services and claims come from the caches that all controllers share, objects of other resources from [`Counts`],
//! which watches only what some quota bounds.

mod counts;
mod devices;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use client_go::api::ApiObject;
use client_go::cache::{Event, Lister, ObjectKey, SharedInformer};
use client_go::workqueue::{Outcome, WorkQueue};
use client_go::{Client, Error};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{PersistentVolumeClaim, Pod, ResourceQuota, ResourceQuotaStatus, Service};
use k8s_api::resource::v1::{DeviceClass, ResourceClaim};
use quota::{Counted, Evaluator, Item, Operation, Registry, ResourceList, Write};
use tokio_util::sync::CancellationToken;

use counts::{Counts, Unavailable};
use devices::Devices;

/// Begins the names of quotas that bound numbers of objects.
const COUNT: &str = "count/";
/// A quota that bounds the number of objects of a resource that is not served is looked at again after this time.
const UNSERVED_PAUSE: Duration = Duration::from_secs(30);

struct Quotas {
    client: Client,
    quotas: Lister<ResourceQuota>,
    registry: Registry,
    pods: Lister<Pod>,
    services: Lister<Service>,
    claims: Lister<PersistentVolumeClaim>,
    /// Nothing where the server knows no devices.
    device_claims: Lister<ResourceClaim>,
    counts: Counts,
    clock: Clock,
    queue: WorkQueue<ObjectKey>,
    /// For quotas whose users wait for them to be counted the first time.
    urgent: WorkQueue<ObjectKey>,
}

#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Api(#[from] Error),
    #[error(transparent)]
    Scope(#[from] quota::ScopeError),
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

/// Builds `resourcequota-controller`.
///
/// # Errors
/// There is no client for it, or the server cannot be asked what it serves.
pub async fn build(context: ControllerContext) -> Built {
    let config = &context.config.resource_quota_controller;
    let period = config.sync_period.to_std();
    let workers = usize::try_from(config.concurrent_syncs).unwrap_or(1);
    let client = context.client("resourcequota-controller").await?;
    let quotas = context.informers.informer::<ResourceQuota>();
    let pods = context.informers.informer::<Pod>();
    let services = context.informers.informer::<Service>();
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    let mut caches = CacheSync::new().and(&quotas).and(&pods).and(&services).and(&claims);
    let devices = context
        .discovery
        .find(|mapper| mapper.find("deviceclasses.resource.k8s.io").map(drop));
    let devices = devices.await.is_ok().then(|| {
        let classes = context.informers.informer::<DeviceClass>();
        (classes, context.informers.informer::<ResourceClaim>())
    });
    let device_claims = devices.as_ref().map_or_else(no_objects, |(_, claims)| claims.lister());
    let classes = devices.as_ref().map(|(classes, _)| devices::index(classes));
    let registry = Registry::new(
        &context.gates,
        Arc::new(Devices {
            classes: classes.unwrap_or_else(no_objects),
            claims: device_claims.clone(),
            pods: pods.lister(),
        }),
    );
    let this = Arc::new(Quotas {
        counts: Counts::new(client.clone(), context.discovery.clone()),
        client,
        quotas: quotas.lister(),
        registry,
        pods: pods.lister(),
        services: services.lister(),
        claims: claims.lister(),
        device_claims,
        clock: context.clock.clone(),
        queue: context.queue("resourcequota_primary"),
        urgent: context.queue("resourcequota_priority"),
    });
    let shared = this.clone();
    quotas.add_handler(move |event: Event<ResourceQuota>| match event {
        Event::Added { object, .. } => shared.enqueue(&object),
        // The status is this controller's own.
        Event::Updated { old, new } if !quota::equals(&old.spec.hard, &new.spec.hard) => shared.enqueue(&new),
        Event::Updated { .. } | Event::Deleted { .. } => {}
    });
    this.follow(&pods, |object| Item::Pod(object));
    this.follow(&services, |object| Item::Service(object));
    this.follow(&claims, |object| Item::PersistentVolumeClaim(object));
    if let Some((classes, device_claims)) = &devices {
        caches = caches.and(classes).and(device_claims);
        this.follow(device_claims, |object| Item::ResourceClaim(object));
    }
    Ok(Some(Controller::new(move |stop| async move {
        this.run(&context, caches, workers, period, stop).await;
    })))
}

/// The lister of what the server does not serve.
fn no_objects<T: ApiObject>() -> Lister<T> {
    Lister::new(Arc::default())
}

impl Quotas {
    async fn run(
        self: Arc<Self>,
        context: &ControllerContext,
        caches: CacheSync,
        workers: usize,
        period: Duration,
        stop: CancellationToken,
    ) {
        tracing::info!("Starting resource quota controller");
        if !caches.wait(&stop).await {
            return;
        }
        let reconciler = || {
            let this = self.clone();
            move |key: ObjectKey| {
                let this = this.clone();
                async move { this.reconcile(&key).await }
            }
        };
        let primary = context.run_workers(
            self.queue.clone(),
            workers,
            Retries::new("Error processing resource quota work item"),
            stop.clone(),
            reconciler(),
        );
        let urgent = context.run_workers(
            self.urgent.clone(),
            workers,
            Retries::new("Error processing resource quota work item"),
            stop.clone(),
            reconciler(),
        );
        futures::future::join3(primary, urgent, self.recount(period, stop.clone())).await;
        self.counts.shut_down().await;
        tracing::info!("Shutting down resource quota controller");
    }

    /// Counts everything again once a period, until `stop`.
    async fn recount(&self, period: Duration, stop: CancellationToken) {
        if period.is_zero() {
            tracing::info!("periodic quota controller resync disabled");
            return;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(period) => {}
            }
            let quotas = self.quotas.list();
            let bounded = quotas.iter().flat_map(|quota| quota.spec.hard.keys());
            self.counts.keep(bounded.filter_map(|name| self.counted_resource(name)));
            for quota in quotas {
                self.queue.add(ObjectKey::of(&*quota));
            }
        }
    }

    /// Whether what a quota bounds under this name is counted by an evaluator.
    fn is_counted(&self, name: &str) -> bool {
        name.starts_with(COUNT) || self.registry.iter().any(|evaluator| evaluator.counts(name))
    }

    /// The group and name of the resource whose objects, and nothing of them, a quota bounds under this name.
    fn counted_resource(&self, name: &str) -> Option<(String, String)> {
        if let Some(own) = self.registry.iter().find(|evaluator| evaluator.counts(name)) {
            let (group, resource) = own.group_resource();
            let is_object_count = quota::LEGACY_OBJECT_COUNTS.contains(&resource) && group.is_empty();
            return is_object_count.then(|| (String::new(), resource.to_owned()));
        }
        let name = name.strip_prefix(COUNT)?;
        let (resource, group) = name.split_once('.').unwrap_or((name, ""));
        Some((group.to_owned(), resource.to_owned()))
    }

    fn enqueue(&self, quota: &ResourceQuota) {
        let status = &quota.status;
        let uncounted = |name: &String| !status.used.contains_key(name) && self.is_counted(name);
        let waited_for = !quota::equals(&quota.spec.hard, &status.hard) || status.hard.keys().any(uncounted);
        let queue = if waited_for { &self.urgent } else { &self.queue };
        queue.add(ObjectKey::of(quota));
    }

    /// Counts quotas again when an object goes or uses something else.
    fn follow<T: ApiObject>(self: &Arc<Self>, informer: &SharedInformer<T>, item: fn(&T) -> Item<'_>) {
        let this = self.clone();
        informer.add_handler(move |event: Event<T>| {
            let object = event.object().clone();
            let namespace = object.namespace();
            if matches!(event, Event::Added { .. }) || this.quotas.list_namespace(namespace).is_empty() {
                return;
            }
            let (group, resource) = resource_of(item(&object));
            let Some(evaluator) = this.registry.evaluator(group, resource) else {
                return;
            };
            let used_more = match &event {
                Event::Updated { old, new } => {
                    this.uses_something_else(evaluator.as_ref(), namespace, item(old), item(new))
                }
                _ => true,
            };
            if used_more {
                this.replenish(namespace, |name| evaluator.counts(name));
            }
        });
    }

    fn uses_something_else(&self, evaluator: &dyn Evaluator, namespace: &str, old: Item<'_>, new: Item<'_>) -> bool {
        let other_scope = |subresource| {
            evaluator.handles(&Write {
                operation: Operation::Update,
                subresource,
                new,
                old: Some(old),
            })
        };
        let other_scope = match new {
            Item::Pod(_) => other_scope(""),
            Item::PersistentVolumeClaim(_) => other_scope("status"),
            _ => false,
        };
        let now = self.clock.now().into();
        other_scope || evaluator.usage(namespace, old, now) != evaluator.usage(namespace, new, now)
    }

    /// Counts the quotas of a namespace again that bound one of these names.
    fn replenish(&self, namespace: &str, counts: impl Fn(&str) -> bool) {
        for quota in self.quotas.list_namespace(namespace) {
            if quota.status.hard.keys().any(|name| counts(name)) {
                self.queue.add(ObjectKey::of(&*quota));
            }
        }
    }

    async fn reconcile(self: &Arc<Self>, key: &ObjectKey) -> Result<Outcome, SyncError> {
        let Some(quota) = self.quotas.get_key(key) else {
            tracing::info!(key = key.as_str(), "Resource quota has been deleted");
            return Ok(Outcome::Done);
        };
        let hard = quota.spec.hard.clone();
        let mut used = quota.status.used.clone();
        // What cannot be counted keeps what was counted last.
        let counted = self.count(&quota, &mut used).await;
        let used = quota::mask(&used, |name| hard.contains_key(name));
        if !quota::equals(&hard, &quota.status.hard) || !quota::equals(&used, &quota.status.used) {
            let mut counted = (*quota).clone();
            counted.status = ResourceQuotaStatus { hard, used };
            let api = self.client.namespaced::<ResourceQuota>(key.namespace());
            api.update_status(&counted).await?;
        }
        counted
    }

    async fn count(self: &Arc<Self>, quota: &ResourceQuota, used: &mut ResourceList) -> Result<Outcome, SyncError> {
        let mut outcome = Ok(Outcome::Done);
        for evaluator in self.evaluators_of(quota) {
            match self.use_of(quota, evaluator.as_ref()).await {
                Ok(Some(list)) => used.extend(list),
                Ok(None) => outcome = outcome.and(Ok(Outcome::RequeueAfter(UNSERVED_PAUSE))),
                Err(error) => outcome = Err(error),
            }
        }
        outcome
    }

    /// The evaluators that count what a quota bounds.
    fn evaluators_of(&self, quota: &ResourceQuota) -> Vec<Arc<dyn Evaluator>> {
        let own = self.registry.iter();
        let own = own.filter(|evaluator| !quota::matched_names(quota, &[evaluator.as_ref()]).is_empty());
        let others = quota.spec.hard.keys();
        let others = others.filter(|name| !self.registry.iter().any(|evaluator| evaluator.counts(name)));
        let others = others.filter_map(|name| self.counted_resource(name));
        let others = others.filter_map(|(group, resource)| self.registry.evaluator(&group, &resource));
        own.cloned().chain(others).collect()
    }

    /// What the objects of one resource use; `None` if the resource is not served.
    async fn use_of(
        self: &Arc<Self>,
        quota: &ResourceQuota,
        evaluator: &dyn Evaluator,
    ) -> Result<Option<ResourceList>, SyncError> {
        let namespace = &quota.metadata.namespace;
        let use_of = |items: Vec<Item<'_>>| {
            let counted = [Counted { evaluator, items }];
            quota::usage(quota, &counted, self.clock.now().into())
        };
        let used = match evaluator.group_resource() {
            ("", "pods") => use_of(items(&self.pods.list_namespace(namespace), Item::Pod)),
            ("", "services") => use_of(items(&self.services.list_namespace(namespace), Item::Service)),
            ("", "persistentvolumeclaims") => {
                let claims = self.claims.list_namespace(namespace);
                use_of(items(&claims, Item::PersistentVolumeClaim))
            }
            ("resource.k8s.io", "resourceclaims") => {
                let claims = self.device_claims.list_namespace(namespace);
                use_of(items(&claims, Item::ResourceClaim))
            }
            (group, resource) => {
                let Some(number) = self.number(group, resource, namespace).await? else {
                    return Ok(None);
                };
                use_of(vec![Item::Other; number])
            }
        };
        Ok(Some(used?))
    }

    /// How many objects of a resource there are in a namespace.
    async fn number(
        self: &Arc<Self>,
        group: &str,
        resource: &str,
        namespace: &str,
    ) -> Result<Option<usize>, Unavailable> {
        let this = Arc::downgrade(self);
        let names = (group.to_owned(), resource.to_owned());
        let on_deletion = move |namespace: &str| {
            if let Some(this) = this.upgrade() {
                this.replenish(namespace, |name| this.counted_resource(name).as_ref() == Some(&names));
            }
        };
        self.counts.number(group, resource, namespace, on_deletion).await
    }
}

fn items<'a, T>(objects: &'a [Arc<T>], item: fn(&'a T) -> Item<'a>) -> Vec<Item<'a>> {
    objects.iter().map(|object| item(object)).collect()
}

fn resource_of(item: Item<'_>) -> (&'static str, &'static str) {
    match item {
        Item::Pod(_) => ("", "pods"),
        Item::Service(_) => ("", "services"),
        Item::PersistentVolumeClaim(_) => ("", "persistentvolumeclaims"),
        Item::ResourceClaim(_) => ("resource.k8s.io", "resourceclaims"),
        Item::Other => ("", ""),
    }
}
