//! Pods of the API server.

use async_trait::async_trait;
use client_go::Client;
use client_go::api::{DeleteOptions, Patch, WriteOptions};
use client_go::cache::{Event, InformerOptions, SharedInformer};
use k8s_api::Kind;
use k8s_api::core::v1::{Pod, PodStatus};
use kubelet_types::seams::{ApiError, PodClient};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::api_error;
use crate::pods::{PodEvent, Source};

/// Reads and writes pods.
pub struct ApiPods(pub Client);

fn status_patch(uid: &str, old: &PodStatus, new: &PodStatus) -> Result<Value, ApiError> {
    let holder = |status: &PodStatus| {
        let pod = Pod {
            status: status.clone(),
            ..Default::default()
        };
        json!({"status": pod.to_value()["status"]})
    };
    let schema = k8s_api::builtin_schema().at(Pod::type_id());
    let patch = apimachinery::strategic::create_two_way_merge_patch(holder(old), holder(new), schema, &[]);
    let mut patch = patch.map_err(|error| ApiError::Other(error.to_string()))?;
    // Another pod of the same name is not to get this one's status.
    patch["metadata"] = json!({"uid": uid});
    Ok(patch)
}

#[async_trait]
impl PodClient for ApiPods {
    async fn get(&self, namespace: &str, name: &str) -> Result<Pod, ApiError> {
        let found = self.0.namespaced::<Pod>(namespace).get(name).await;
        found.map_err(|error| api_error(&error))
    }

    async fn patch_status(
        &self,
        namespace: &str,
        name: &str,
        uid: &str,
        old: &PodStatus,
        new: &PodStatus,
    ) -> Result<Pod, ApiError> {
        let patch = Patch::Strategic(status_patch(uid, old, new)?);
        let api = self.0.namespaced::<Pod>(namespace);
        let written = api
            .patch_with(name, Some("status"), &patch, &WriteOptions::default())
            .await;
        written.map_err(|error| api_error(&error))
    }

    async fn create(&self, pod: &Pod) -> Result<Pod, ApiError> {
        let made = self
            .0
            .namespaced::<Pod>(pod.metadata.namespace.clone())
            .create(pod)
            .await;
        made.map_err(|error| api_error(&error))
    }

    async fn delete(&self, namespace: &str, name: &str, uid: &str) -> Result<(), ApiError> {
        let options = DeleteOptions::uid(uid).grace_period(0);
        let deleted = self.0.namespaced::<Pod>(namespace).delete(name, &options).await;
        deleted.map(drop).map_err(|error| api_error(&error))
    }
}

/// Follows the pods of a node and tells what happens to them: all of them once they are known, and single ones afterwards.
pub async fn follow_pods(client: &Client, node: &str, events: mpsc::Sender<PodEvent>, cancel: CancellationToken) {
    let options = InformerOptions {
        field_selector: format!("spec.nodeName={node}"),
        ..Default::default()
    };
    let informer = SharedInformer::new(client.all::<Pod>(), options);
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let registration = informer.add_handler(move |event: Event<Pod>| {
        // The receiver ends with the informer.
        let _ = sender.send(event);
    });
    let forward = async {
        let mut synced = registration.clone();
        if !synced.wait_synced().await {
            return;
        }
        // Everything up to here is in the store.
        let mut pods = informer.store().list();
        pods.sort_by_key(|pod| pod.metadata.creation_timestamp);
        if events.send(PodEvent::Set(Source::Api, pods)).await.is_err() {
            return;
        }
        while let Some(event) = receiver.recv().await {
            let event = match event {
                Event::Added { object, .. } => PodEvent::Applied(Source::Api, object),
                Event::Updated { new, .. } => PodEvent::Applied(Source::Api, new),
                Event::Deleted { object, .. } => PodEvent::Deleted(Source::Api, object.metadata.uid.clone()),
            };
            if events.send(event).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(informer.run(cancel), forward);
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_api::core::v1::PodCondition;

    #[test]
    fn patches_hold_what_differs() {
        let condition = |kind: &str, status: &str| PodCondition {
            type_: kind.to_owned(),
            status: status.to_owned(),
            ..Default::default()
        };
        let old = PodStatus {
            phase: "Pending".to_owned(),
            conditions: vec![condition("Ready", "False"), condition("Foreign", "True")],
            ..Default::default()
        };
        let new = PodStatus {
            phase: "Running".to_owned(),
            conditions: vec![condition("Ready", "True"), condition("Foreign", "True")],
            ..Default::default()
        };
        let patch = status_patch("u1", &old, &new).expect("a patch");
        assert_eq!(patch["metadata"]["uid"], "u1");
        assert_eq!(patch["status"]["phase"], "Running");
        assert_eq!(
            patch["status"]["conditions"],
            json!([{"type": "Ready", "status": "True"}])
        );
    }
}
