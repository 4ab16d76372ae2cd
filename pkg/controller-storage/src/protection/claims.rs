//! Claims that pods use stay.

use std::sync::Arc;

use client_go::api::ListOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use controller_objects::pods::{claim_names, ephemeral_claim_name, is_terminal};
use k8s_api::core::v1::{PersistentVolumeClaim, Pod};

use super::{add, concerns, remove};
use crate::BY_CLAIM;
use crate::ephemeral::is_for_pod;

const FINALIZER: &str = "kubernetes.io/pvc-protection";

struct Protection {
    client: Client,
    claims: Lister<PersistentVolumeClaim>,
    pods: Lister<Pod>,
}

/// Builds `persistentvolumeclaim-protection-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("pvc-protection-controller").await?;
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    let pods = crate::pods(&context);
    let queue = context.queue::<ObjectKey>("pvcprotection");
    let keys = queue.clone();
    claims.add_handler(move |event: Event<PersistentVolumeClaim>| {
        if !matches!(event, Event::Deleted { .. }) && concerns(&event.object().metadata, FINALIZER) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    // Pods that have gone or ended, or have no node yet, may be what a claim has waited for.
    let keys = queue.clone();
    pods.add_handler(move |event: Event<Pod>| {
        let pod = event.object();
        if matches!(event, Event::Deleted { .. }) || is_terminal(pod) || pod.spec.node_name.is_empty() {
            for name in claim_names(pod) {
                keys.add(ObjectKey::new(&pod.metadata.namespace, &name));
            }
        }
    });
    let caches = CacheSync::new().and(&claims).and(&pods);
    let this = Arc::new(Protection {
        client,
        claims: claims.lister(),
        pods: pods.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await.map(|()| Outcome::Done) }
        };
        context
            .run(caches, queue, 1, Retries::new("PVC failed"), stop, reconcile)
            .await;
    })))
}

impl Protection {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(claim) = self.claims.get_key(key) else {
            return Ok(());
        };
        let api = self.client.namespaced::<PersistentVolumeClaim>(key.namespace());
        if controller_objects::finalizers::is_missing(&claim.metadata, FINALIZER) {
            return add(&api, &claim, FINALIZER).await;
        }
        if !controller_objects::finalizers::is_due(&claim.metadata, FINALIZER) || self.is_used(&claim, key).await? {
            return Ok(());
        }
        remove(&api, &claim, FINALIZER).await
    }

    /// Whether a pod uses the claim. That none does is believed only to the server: a cache may lag.
    async fn is_used(&self, claim: &PersistentVolumeClaim, key: &ObjectKey) -> Result<bool, Error> {
        let known = self.pods.by_index(BY_CLAIM, key.as_str());
        if known.iter().any(|pod| uses(pod, claim)) {
            return Ok(true);
        }
        let api = self.client.namespaced::<Pod>(key.namespace());
        let live = api.list(&ListOptions::default()).await?;
        Ok(live.items.iter().any(|pod| uses(pod, claim)))
    }
}

/// Whether a pod uses a claim: once it has a node, for as long as it exists. A claim of an ephemeral volume is not needed
/// any more when the kubelet is done with the pod, which may itself wait for the claim to go.
pub(super) fn uses(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    if pod.spec.node_name.is_empty() {
        return false;
    }
    let over = pod.metadata.deletion_timestamp.is_some() && pod.metadata.deletion_grace_period_seconds == Some(0);
    let name = &claim.metadata.name;
    pod.spec.volumes.iter().any(|volume| {
        volume
            .persistent_volume_claim
            .as_ref()
            .is_some_and(|source| source.claim_name == *name)
            || (!over
                && volume.ephemeral.is_some()
                && ephemeral_claim_name(pod, &volume.name) == *name
                && is_for_pod(pod, claim))
    })
}
