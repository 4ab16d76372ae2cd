//! Makes the claims of pods' ephemeral volumes (upstream: `pkg/controller/volume/ephemeral`).

use std::sync::Arc;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::events::{EventRecorder, EventType};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use component_base::metrics::MetricOpts;
use controller::{Built, CacheSync, Controller, ControllerContext, Retries};
use controller_objects::pods::ephemeral_claim_name;
use k8s_api::core::v1::{PersistentVolumeClaim, Pod, Volume};
use k8s_api::meta::v1::OwnerReference;
use prometheus::IntCounter;

/// Why a claim is not made.
#[derive(Debug, thiserror::Error)]
enum EphemeralError {
    /// Somebody else's claim has the name.
    #[error("PVC {namespace}/{claim} was not created for pod {namespace}/{pod} (pod is not owner)")]
    NotOwner {
        namespace: String,
        claim: String,
        pod: String,
    },
    /// The server says no.
    #[error("create PVC {claim}: {source}")]
    Create { claim: String, source: Error },
}

/// Which volume it was.
#[derive(Debug, thiserror::Error)]
#[error("pod {pod}, ephemeral volume {volume}: {source}")]
struct VolumeError {
    pod: ObjectKey,
    volume: String,
    source: EphemeralError,
}

struct Ephemeral {
    client: Client,
    recorder: EventRecorder,
    pods: Lister<Pod>,
    claims: Lister<PersistentVolumeClaim>,
    attempts: IntCounter,
    failures: IntCounter,
}

/// Whether a claim was made for a pod's ephemeral volume.
pub(crate) fn is_for_pod(pod: &Pod, claim: &PersistentVolumeClaim) -> bool {
    claim.metadata.namespace == pod.metadata.namespace
        && (claim.metadata.owner_references.iter())
            .any(|owner| owner.uid == pod.metadata.uid && owner.controller == Some(true))
}

fn needs_claims(pod: &Pod) -> bool {
    pod.metadata.deletion_timestamp.is_none() && pod.spec.volumes.iter().any(|volume| volume.ephemeral.is_some())
}

/// Builds `ephemeral-volume-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("ephemeral-volume-controller").await?;
    let pods = crate::pods(&context);
    let claims = context.informers.informer::<PersistentVolumeClaim>();
    let queue = context.queue::<ObjectKey>("ephemeral_volume");
    // What a pod needs does not change with it.
    let keys = queue.clone();
    pods.add_handler(move |event: Event<Pod>| {
        if let Event::Added { object, .. } = &event
            && needs_claims(object)
        {
            keys.add(ObjectKey::of(&**object));
        }
    });
    // A claim that has gone may be needed still, or be in nobody's way any more.
    let (keys, lister) = (queue.clone(), pods.lister());
    claims.add_handler(move |event: Event<PersistentVolumeClaim>| {
        if let Event::Deleted { object, .. } = &event {
            for pod in lister.by_index(crate::BY_CLAIM, ObjectKey::of(&**object).as_str()) {
                keys.add(ObjectKey::of(&*pod));
            }
        }
    });
    let caches = CacheSync::new().and(&pods).and(&claims);
    let workers = usize::try_from(context.config.ephemeral_volume_controller.concurrent_syncs).unwrap_or(1);
    let count = |name: &str, help: &str| context.metrics.counter(MetricOpts::new(name, help));
    let this = Arc::new(Ephemeral {
        recorder: context.recorder("ephemeral_volume", &client),
        client,
        pods: pods.lister(),
        claims: claims.lister(),
        attempts: count(
            "ephemeral_volume_controller_create_total",
            "Number of PersistentVolumeClaim creation requests",
        ),
        failures: count(
            "ephemeral_volume_controller_create_failures_total",
            "Number of PersistentVolumeClaim creation requests that failed",
        ),
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
                workers,
                Retries::new("Failed to sync Pod, will retry"),
                stop,
                reconcile,
            )
            .await;
    })))
}

impl Ephemeral {
    async fn reconcile(&self, key: &ObjectKey) -> Result<(), VolumeError> {
        let Some(pod) = self.pods.get_key(key).filter(|pod| needs_claims(pod)) else {
            return Ok(());
        };
        for volume in &pod.spec.volumes {
            if let Err(source) = self.volume(&pod, volume).await {
                let note = format!("ephemeral volume {}: {source}", volume.name);
                self.recorder.event(&*pod, EventType::Warning, "FailedBinding", note);
                return Err(VolumeError {
                    pod: key.clone(),
                    volume: volume.name.clone(),
                    source,
                });
            }
        }
        Ok(())
    }

    async fn volume(&self, pod: &Pod, volume: &Volume) -> Result<(), EphemeralError> {
        let template = volume
            .ephemeral
            .as_ref()
            .and_then(|source| source.volume_claim_template.as_ref());
        let Some(template) = template else {
            return Ok(());
        };
        let namespace = &pod.metadata.namespace;
        let name = ephemeral_claim_name(pod, &volume.name);
        if let Some(present) = self.claims.get(namespace, &name) {
            if is_for_pod(pod, &present) {
                return Ok(());
            }
            return Err(EphemeralError::NotOwner {
                namespace: namespace.clone(),
                claim: name,
                pod: pod.metadata.name.clone(),
            });
        }
        let mut claim = PersistentVolumeClaim {
            spec: template.spec.clone(),
            ..PersistentVolumeClaim::default()
        };
        let metadata = &mut claim.metadata;
        metadata.name.clone_from(&name);
        metadata.namespace.clone_from(namespace);
        metadata.annotations.clone_from(&template.metadata.annotations);
        metadata.labels.clone_from(&template.metadata.labels);
        metadata.owner_references = vec![OwnerReference {
            api_version: "v1".to_owned(),
            kind: "Pod".to_owned(),
            name: pod.metadata.name.clone(),
            uid: pod.metadata.uid.clone(),
            controller: Some(true),
            block_owner_deletion: Some(true),
        }];
        self.attempts.inc();
        let api = self.client.namespaced::<PersistentVolumeClaim>(namespace.clone());
        api.create(&claim).await.map(drop).map_err(|source| {
            self.failures.inc();
            EphemeralError::Create { claim: name, source }
        })
    }
}

#[cfg(test)]
mod tests {
    use controller::testing::Fixture;
    use k8s_api::core::v1::PersistentVolumeClaim;
    use serde_json::{Value, json};

    use super::build;

    const CLAIMS: &str = "/api/v1/persistentvolumeclaims";

    fn pod(name: &str) -> Value {
        let template = json!({"metadata": {"labels": {"a": "b"}}, "spec": {"storageClassName": "fast"}});
        let volume = json!({"name": "scratch", "ephemeral": {"volumeClaimTemplate": template}});
        json!({"metadata": {"name": name}, "spec": {"containers": [], "volumes": [volume]}})
    }

    #[tokio::test]
    async fn pods_get_claims_of_their_own() {
        let fixture = Fixture::start().await;
        fixture.create("/api/v1/pods", "ns", pod("p"));
        fixture.create(CLAIMS, "ns", json!({"metadata": {"name": "q-scratch"}}));
        fixture.create("/api/v1/pods", "ns", pod("q"));
        fixture.run(build).await;
        let claim = || {
            let claims = fixture.list::<PersistentVolumeClaim>(CLAIMS, "ns");
            claims.into_iter().find(|claim| claim.metadata.name == "p-scratch")
        };
        fixture.eventually("the claim is made", || claim().is_some()).await;
        let made = claim().unwrap();
        assert_eq!(made.spec.storage_class_name.as_deref(), Some("fast"));
        assert_eq!(made.metadata.labels["a"], "b");
        let owner = &made.metadata.owner_references[0];
        assert_eq!(
            (owner.kind.as_str(), owner.name.as_str(), owner.controller),
            ("Pod", "p", Some(true))
        );
        let note = "ephemeral volume scratch: PVC ns/q-scratch was not created for pod ns/q (pod is not owner)";
        let told = || {
            fixture
                .sent("POST", "/events")
                .iter()
                .any(|event| event["message"] == note)
        };
        fixture.eventually("another's claim is not taken", told).await;
        fixture.delete(CLAIMS, "ns", "q-scratch");
        let names = || {
            let claims = fixture.list::<PersistentVolumeClaim>(CLAIMS, "ns");
            claims
                .iter()
                .map(|claim| claim.metadata.name.clone())
                .collect::<Vec<_>>()
        };
        fixture
            .eventually("when it has gone there is room", || {
                names() == ["p-scratch", "q-scratch"]
            })
            .await;
    }
}
