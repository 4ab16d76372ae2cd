//! Protects service address ranges: one that is in use cannot go (upstream: `pkg/controller/servicecidrs`).

mod ranges;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use client_go::api::{Patch, WriteOptions};
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::Kind as _;
use k8s_api::networking::v1::{IPAddress, ServiceCIDR};
use serde_json::json;

const NAME: &str = "service-cidr-controller";
const FINALIZER: &str = "networking.k8s.io/service-cidr-finalizer";
/// How long after its deletion a range is still held: API servers must have seen it, so that nothing is allocated from it.
const GRACE_PERIOD: Duration = Duration::from_secs(10);
/// After so many failures a range is given up until something changes.
const RETRIES: Retries = Retries::at_verbosity(2, "Error syncing ServiceCIDR, retrying")
    .at_most(15, "ServiceCIDR sync failed after max retries");

struct Ranges {
    client: Client,
    recorder: EventRecorder,
    clock: Clock,
    ranges: Lister<ServiceCIDR>,
    addresses: Lister<IPAddress>,
}

/// Builds `service-cidr-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("service-cidrs-controller").await?;
    let ranges = context.informers.informer::<ServiceCIDR>();
    let addresses = context.informers.informer::<IPAddress>();
    let queue = context.queue::<ObjectKey>("ipaddresses");
    let (keys, lister) = (queue.clone(), ranges.lister());
    ranges.add_handler(move |event: Event<ServiceCIDR>| {
        keys.add(ObjectKey::of(&**event.object()));
        if let Event::Added { object, .. } = &event {
            for other in ranges::overlapping(&lister, object) {
                keys.add(ObjectKey::of(&*other));
            }
        }
    });
    let (keys, lister) = (queue.clone(), ranges.lister());
    addresses.add_handler(move |event: Event<IPAddress>| {
        if matches!(event, Event::Updated { .. }) {
            return;
        }
        for range in ranges::of_address(&lister, event.object()) {
            keys.add(ObjectKey::of(&*range));
        }
    });
    let caches = CacheSync::new().and(&ranges).and(&addresses);
    let this = Arc::new(Ranges {
        recorder: context.recorder(NAME, &client),
        clock: context.clock.clone(),
        client,
        ranges: ranges.lister(),
        addresses: addresses.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await }
        };
        context.run(caches, queue, 5, RETRIES, stop, reconcile).await;
    })))
}

/// `status`, `reason` and `message` of the condition `Ready`.
struct Ready(&'static str, &'static str, &'static str);

const READY: Ready = Ready("True", "", "Kubernetes Service CIDR is ready");
const TERMINATING: Ready = Ready(
    "False",
    "Terminating",
    "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR",
);

impl Ranges {
    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(range) = self.ranges.get_key(key) else {
            return Ok(Outcome::Done);
        };
        if let Some(deleted) = range.metadata.deletion_timestamp {
            if !ranges::is_free(&self.ranges, &self.addresses, &range) {
                self.tell(&range, &TERMINATING).await?;
                return Ok(Outcome::Done);
            }
            let wait = GRACE_PERIOD.saturating_sub(self.clock.since(deleted));
            if !wait.is_zero() {
                return Ok(Outcome::RequeueAfter(wait));
            }
            if controller_objects::finalizers::has(&range.metadata, FINALIZER) {
                self.patch(&range, json!({"$deleteFromPrimitiveList/finalizers": [FINALIZER]}))
                    .await?;
            }
            return Ok(Outcome::Done);
        }
        if !controller_objects::finalizers::has(&range.metadata, FINALIZER) {
            self.patch(&range, json!({"finalizers": [FINALIZER]})).await?;
        }
        if let Err(error) = self.tell(&range, &READY).await {
            let note = "The ServiceCIDR Status can not be set to Ready=True";
            self.recorder
                .event(&*range, EventType::Warning, "KubernetesServiceCIDRError", note);
            return Err(error);
        }
        Ok(Outcome::Done)
    }

    async fn patch(&self, range: &ServiceCIDR, metadata: serde_json::Value) -> Result<(), Error> {
        let patch = Patch::Strategic(json!({"metadata": metadata}));
        match self
            .client
            .cluster::<ServiceCIDR>()
            .patch(&range.metadata.name, &patch)
            .await
        {
            Err(error) if !error.is_not_found() => Err(error),
            _ => Ok(()),
        }
    }

    async fn tell(&self, range: &ServiceCIDR, Ready(status, reason, message): &Ready) -> Result<(), Error> {
        let present = range
            .status
            .conditions
            .iter()
            .find(|condition| condition.type_ == "Ready");
        if present.is_some_and(|c| c.status == *status && c.reason == *reason && c.message == *message) {
            return Ok(());
        }
        let name = &range.metadata.name;
        let fields = json!({
            "apiVersion": ServiceCIDR::API_VERSION, "kind": ServiceCIDR::KIND, "metadata": {"name": name},
            "status": {"conditions": [{
                "type": "Ready", "status": status, "reason": reason, "message": message,
                "lastTransitionTime": self.clock.now().to_string(),
            }]},
        });
        let options = WriteOptions {
            force: true,
            ..WriteOptions::manager(NAME)
        };
        let api = self.client.cluster::<ServiceCIDR>();
        api.patch_with(name, Some("status"), &Patch::Apply(fields), &options)
            .await
            .map(drop)
    }
}
