//! Classes of volume attributes that claims or volumes name stay (upstream: `pkg/controller/volume/vacprotection`).

use std::sync::Arc;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::{Outcome, WorkQueue};
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_api::storage::v1::VolumeAttributesClass;

use crate::protection::{add, concerns, remove};

const FINALIZER: &str = "kubernetes.io/vac-protection";
const BY_CLASS: &str = "vac-name";

struct Protection {
    client: Client,
    classes: Lister<VolumeAttributesClass>,
    volumes: Lister<PersistentVolume>,
    claims: Lister<PersistentVolumeClaim>,
}

fn of_volume(volume: &PersistentVolume) -> Vec<String> {
    let name = volume.spec.volume_attributes_class_name.iter();
    name.filter(|name| !name.is_empty()).cloned().collect()
}

/// The class that a claim wants, the one that it has, and the one that it is changing to.
fn of_claim(claim: &PersistentVolumeClaim) -> Vec<String> {
    let wanted = claim.spec.volume_attributes_class_name.iter();
    let present = claim.status.current_volume_attributes_class_name.iter();
    let target = claim
        .status
        .modify_volume_status
        .iter()
        .map(|status| &status.target_volume_attributes_class_name);
    let mut names: Vec<String> = wanted
        .chain(present)
        .chain(target)
        .filter(|name| !name.is_empty())
        .cloned()
        .collect();
    names.sort();
    names.dedup();
    names
}

/// Queues the classes that an object does not name any more.
fn on_change<T>(event: &Event<T>, names: impl Fn(&T) -> Vec<String>, classes: &WorkQueue<ObjectKey>) {
    let gone = match event {
        Event::Added { .. } => return,
        Event::Updated { old, new } => {
            let still = names(new);
            names(old).into_iter().filter(|name| !still.contains(name)).collect()
        }
        Event::Deleted { object, .. } => names(object),
    };
    gone.iter().for_each(|name| classes.add(ObjectKey::from(name.as_str())));
}

/// Builds `volumeattributesclass-protection-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("volumeattributesclass-protection-controller").await?;
    let classes = context.informers.informer::<VolumeAttributesClass>();
    let volumes = context.informers.informer::<PersistentVolume>();
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    volumes.add_index(BY_CLASS, of_volume);
    claims.add_index(BY_CLASS, of_claim);
    let queue = context.queue::<ObjectKey>("vacprotection");
    let keys = queue.clone();
    classes.add_handler(move |event: Event<VolumeAttributesClass>| {
        if !matches!(event, Event::Deleted { .. }) && concerns(&event.object().metadata, FINALIZER) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let keys = queue.clone();
    volumes.add_handler(move |event: Event<PersistentVolume>| on_change(&event, of_volume, &keys));
    let keys = queue.clone();
    claims.add_handler(move |event: Event<PersistentVolumeClaim>| on_change(&event, of_claim, &keys));
    let caches = CacheSync::new().and(&classes).and(&volumes).and(&claims);
    let this = Arc::new(Protection {
        client,
        classes: classes.lister(),
        volumes: volumes.lister(),
        claims: claims.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await.map(|()| Outcome::Done) }
        };
        context
            .run(caches, queue, 1, Retries::new("VAC failed"), stop, reconcile)
            .await;
    })))
}

impl Protection {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(class) = self.classes.get_key(key) else {
            return Ok(());
        };
        let api = self.client.cluster::<VolumeAttributesClass>();
        if controller_objects::finalizers::is_missing(&class.metadata, FINALIZER) {
            return add(&api, &class, FINALIZER).await;
        }
        let used = self.volumes.count(BY_CLASS, key.name()) + self.claims.count(BY_CLASS, key.name()) > 0;
        if !used && controller_objects::finalizers::is_due(&class.metadata, FINALIZER) {
            return remove(&api, &class, FINALIZER).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use controller::testing::Fixture;
    use serde_json::json;

    use super::{FINALIZER, build};

    const CLASSES: &str = "/apis/storage.k8s.io/v1/volumeattributesclasses";

    #[tokio::test]
    async fn classes_stay_while_anything_names_them() {
        let fixture = Fixture::start().await;
        fixture.create(CLASSES, "", json!({"metadata": {"name": "new"}, "driverName": "d"}));
        for name in ["wanted", "current", "target", "of-volume", "unused"] {
            let metadata =
                json!({"name": name, "finalizers": [FINALIZER], "deletionTimestamp": "2026-01-01T00:00:00Z"});
            fixture.create(CLASSES, "", json!({"metadata": metadata, "driverName": "d"}));
        }
        let claim = json!({
            "metadata": {"name": "c"},
            "spec": {"volumeAttributesClassName": "wanted"},
            "status": {
                "currentVolumeAttributesClassName": "current",
                "modifyVolumeStatus": {"status": "Pending", "targetVolumeAttributesClassName": "target"},
            },
        });
        fixture.create("/api/v1/persistentvolumeclaims", "ns", claim);
        let volume = json!({"metadata": {"name": "v"}, "spec": {"volumeAttributesClassName": "of-volume"}});
        fixture.create("/api/v1/persistentvolumes", "", volume);
        fixture.run(build).await;
        let held = |name: &str| fixture.get(CLASSES, "", name).unwrap()["metadata"]["finalizers"] == json!([FINALIZER]);
        fixture.eventually("the new one is held", || held("new")).await;
        fixture.eventually("the unused one may go", || !held("unused")).await;
        for name in ["wanted", "current", "target", "of-volume"] {
            assert!(held(name), "{name}");
        }
        fixture.delete("/api/v1/persistentvolumeclaims", "ns", "c");
        fixture.delete("/api/v1/persistentvolumes", "", "v");
        fixture
            .eventually("all may go", || {
                ["wanted", "current", "target", "of-volume"]
                    .iter()
                    .all(|name| !held(name))
            })
            .await;
    }
}
