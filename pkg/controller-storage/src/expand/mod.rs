//! Claims that ask for more than they have: every driver that can give it is an external one, which is told
//! (upstream: `pkg/controller/volume/expand`).

use std::sync::Arc;

use client_go::api::Patch;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_api::primitives::Quantity;
use serde_json::json;

use crate::claims::{PROVISIONED_BY, has_annotation, requested};
use crate::migration;

const WORKERS: usize = 10;
const RESIZER: &str = "volume.kubernetes.io/storage-resizer";
const PRE_RESIZE_CAPACITY: &str = "volume.alpha.kubernetes.io/pre-resize-capacity";

struct Expander {
    client: Client,
    recorder: EventRecorder,
    claims: Lister<PersistentVolumeClaim>,
}

/// Whether a bound claim asks for more than it has.
fn wants_more(claim: &PersistentVolumeClaim) -> bool {
    let has = claim
        .status
        .capacity
        .get("storage")
        .cloned()
        .unwrap_or_else(Quantity::default);
    claim.status.phase == "Bound" && requested(claim) > has
}

/// Builds `persistentvolume-expander-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("expand-controller").await?;
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    let queue = context.queue::<ObjectKey>("volume_expand");
    let keys = queue.clone();
    claims.add_handler(move |event: Event<PersistentVolumeClaim>| {
        let asked_before = match &event {
            Event::Updated { old, new } => requested(old) >= requested(new) && old.status.phase == new.status.phase,
            Event::Added { .. } => false,
            Event::Deleted { .. } => return,
        };
        if !asked_before && wants_more(event.object()) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    let caches = CacheSync::new().and(&claims);
    let this = Arc::new(Expander {
        recorder: context.recorder("volume_expand", &client),
        client,
        claims: claims.lister(),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let reconcile = move |key: ObjectKey| {
            let this = this.clone();
            async move { this.reconcile(&key).await.map(|()| Outcome::Done) }
        };
        context
            .run(
                caches,
                queue,
                WORKERS,
                Retries::new("Failed to sync PVC, will retry"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl Expander {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), Error> {
        let Some(claim) = self.claims.get_key(key) else {
            return Ok(());
        };
        let name = &claim.spec.volume_name;
        let volume = self.client.cluster::<PersistentVolume>().get(name).await;
        let volume = volume.map_err(|error| Error::Invalid(format!("failed to get PV {name:?}: {error}")))?;
        let bound = volume.spec.claim_ref.as_ref().is_some_and(|reference| {
            reference.namespace == claim.metadata.namespace && reference.uid == claim.metadata.uid
        });
        if !bound {
            let message = format!("persistent Volume is not bound to PVC being updated : {key}");
            return Err(Error::Invalid(message));
        }
        if !wants_more(&claim) && !has_annotation(&volume.metadata, PRE_RESIZE_CAPACITY) {
            return Ok(());
        }
        let provisioner = volume.metadata.annotations.get(PROVISIONED_BY);
        if let Some((built_in, driver)) = provisioner.and_then(|name| Some((name, migration::csi_driver(name)?))) {
            let note = format!("CSI migration enabled for {built_in}; waiting for external resizer to expand the pvc");
            self.tell(&claim, EventType::Normal, &note);
            let patch = Patch::Merge(json!({"metadata": {"annotations": {RESIZER: driver}}}));
            let api = self.client.namespaced::<PersistentVolumeClaim>(key.namespace());
            return api.patch(key.name(), &patch).await.map(drop);
        }
        // Of what no external driver owns nothing will ever come.
        let external = volume.spec.csi.is_some() || volume.spec.flex_volume.is_some();
        let kind = if external {
            EventType::Normal
        } else {
            EventType::Warning
        };
        self.tell(&claim, kind, "waiting for an external controller to expand this PVC");
        Ok(())
    }

    fn tell(&self, claim: &PersistentVolumeClaim, kind: EventType, note: &str) {
        self.recorder.event(claim, kind, "ExternalExpanding", note);
    }
}

#[cfg(test)]
mod tests {
    use controller::testing::Fixture;
    use serde_json::{Value, json};

    use super::build;

    const CLAIMS: &str = "/api/v1/persistentvolumeclaims";

    fn claim(name: &str) -> Value {
        json!({
            "metadata": {"name": name},
            "spec": {"volumeName": name, "resources": {"requests": {"storage": "2Gi"}}},
            "status": {"phase": "Bound", "capacity": {"storage": "1Gi"}},
        })
    }

    #[tokio::test]
    async fn claims_that_grow_are_told_who_does_it() {
        let fixture = Fixture::start().await;
        for (name, source, provisioner) in [
            ("csi", json!({"csi": {"driver": "d", "volumeHandle": "h"}}), "d"),
            (
                "migrated",
                json!({"gcePersistentDisk": {"pdName": "x"}}),
                "kubernetes.io/gce-pd",
            ),
            ("path", json!({"hostPath": {"path": "/x"}}), ""),
        ] {
            let uid = fixture.create(CLAIMS, "ns", claim(name))["metadata"]["uid"].clone();
            let mut spec = source;
            spec["claimRef"] = json!({"namespace": "ns", "name": name, "uid": uid});
            let annotations = json!({"pv.kubernetes.io/provisioned-by": provisioner});
            let metadata = json!({"name": name, "annotations": annotations});
            fixture.create(
                "/api/v1/persistentvolumes",
                "",
                json!({"metadata": metadata, "spec": spec}),
            );
        }
        fixture.create(
            CLAIMS,
            "ns",
            json!({"metadata": {"name": "content"}, "status": {"phase": "Bound"}}),
        );
        fixture.run(build).await;
        let told = |name: &str| {
            let events = fixture.sent("POST", "/events").into_iter();
            let mut of = events.filter(|event| event["involvedObject"]["name"] == name);
            of.next()
                .map_or(Value::Null, |event| json!([event["type"], event["message"]]))
        };
        let waiting = "waiting for an external controller to expand this PVC";
        fixture
            .eventually("a driver's own", || told("csi") == json!(["Normal", waiting]))
            .await;
        fixture
            .eventually("nobody's", || told("path") == json!(["Warning", waiting]))
            .await;
        let migrated = "CSI migration enabled for kubernetes.io/gce-pd; waiting for external resizer to expand the pvc";
        fixture
            .eventually("a migrated one", || told("migrated") == json!(["Normal", migrated]))
            .await;
        let resizer = || fixture.get(CLAIMS, "ns", "migrated").unwrap()["metadata"]["annotations"].clone();
        let wanted = json!({"volume.kubernetes.io/storage-resizer": "pd.csi.storage.gke.io"});
        fixture.eventually("its resizer is named", || resizer() == wanted).await;
        assert_eq!(told("content"), Value::Null);
    }
}
