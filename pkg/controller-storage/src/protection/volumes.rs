//! Volumes that are bound stay.

use std::sync::Arc;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::PersistentVolume;

use super::{add, concerns, remove};

const FINALIZER: &str = "kubernetes.io/pv-protection";

struct Protection {
    client: Client,
    volumes: Lister<PersistentVolume>,
}

/// Builds `persistentvolume-protection-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("pv-protection-controller").await?;
    let volumes = context.informers.informer::<PersistentVolume>();
    let queue = context.queue::<ObjectKey>("pvprotection");
    let keys = queue.clone();
    volumes.add_handler(move |event: Event<PersistentVolume>| {
        if !matches!(event, Event::Deleted { .. }) && concerns(&event.object().metadata, FINALIZER) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let caches = CacheSync::new().and(&volumes);
    let this = Arc::new(Protection {
        client,
        volumes: volumes.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await.map(|()| Outcome::Done) }
        };
        context
            .run(caches, queue, 1, Retries::new("PV failed"), stop, reconcile)
            .await;
    })))
}

impl Protection {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(volume) = self.volumes.get_key(key) else {
            return Ok(());
        };
        let api = self.client.cluster::<PersistentVolume>();
        if controller_objects::finalizers::is_missing(&volume.metadata, FINALIZER) {
            return add(&api, &volume, FINALIZER).await;
        }
        let unused = volume.status.phase != "Bound";
        if unused && controller_objects::finalizers::is_due(&volume.metadata, FINALIZER) {
            return remove(&api, &volume, FINALIZER).await;
        }
        Ok(())
    }
}
