//! [`PodControl`]: makes and deletes pods for an owner, and tells events of it.

use client_go::Client;
use client_go::api::{DeleteOptions, Deleted};
use client_go::events::{EventRecorder, EventType};
use k8s_api::HasMetadata;
use k8s_api::core::v1::{Pod, PodTemplateSpec};
use k8s_api::meta::v1::ObjectMeta;

use super::SyncError;
use super::owners::controller_reference;

/// The prefix of the names of an owner's pods.
fn prefix(owner: &str) -> String {
    let prefix = format!("{owner}-");
    // With the dash it may be too long for a name.
    if apimachinery::names::dns1123_subdomain(&apimachinery::names::mask_trailing_dash(&prefix)).is_empty() {
        prefix
    } else {
        owner.to_owned()
    }
}

/// A pod as the template says, controlled by `owner`.
#[must_use]
pub fn pod_from_template<O: HasMetadata>(template: &PodTemplateSpec, owner: &O) -> Pod {
    Pod {
        metadata: ObjectMeta {
            labels: template.metadata.labels.clone(),
            annotations: template.metadata.annotations.clone(),
            finalizers: template.metadata.finalizers.clone(),
            generate_name: prefix(owner.name()),
            namespace: owner.namespace().to_owned(),
            owner_references: vec![controller_reference(owner)],
            ..ObjectMeta::default()
        },
        spec: template.spec.clone(),
        ..Pod::default()
    }
}

/// Makes and deletes pods; clones do the same.
#[derive(Clone)]
pub struct PodControl {
    client: Client,
    recorder: EventRecorder,
}

impl PodControl {
    /// As `client`, with events told to `recorder`.
    #[must_use]
    pub fn new(client: Client, recorder: EventRecorder) -> Self {
        Self { client, recorder }
    }

    /// Makes a pod; the event is `owner`'s.
    ///
    /// # Errors
    /// It could not be made.
    pub async fn create<O: HasMetadata>(&self, owner: &O, pod: &Pod) -> Result<Pod, SyncError> {
        if pod.metadata.labels.is_empty() {
            return Err(SyncError::Other("unable to create pods, no labels".to_owned()));
        }
        match self
            .client
            .namespaced::<Pod>(owner.namespace().to_owned())
            .create(pod)
            .await
        {
            Ok(created) => {
                let note = format!("Created pod: {}", created.metadata.name);
                self.recorder.event(owner, EventType::Normal, "SuccessfulCreate", note);
                Ok(created)
            }
            Err(error) => {
                // In a namespace that ends nothing can be made, which is no news.
                if !controller_objects::is_namespace_terminating(&error) {
                    let note = format!("Error creating: {error}");
                    self.recorder.event(owner, EventType::Warning, "FailedCreate", note);
                }
                Err(error.into())
            }
        }
    }

    /// Deletes a pod; the event is `owner`'s.
    ///
    /// # Errors
    /// It could not be deleted, or is not there any more.
    pub async fn delete<O: HasMetadata>(&self, owner: &O, name: &str) -> Result<(), SyncError> {
        let api = self.client.namespaced::<Pod>(owner.namespace().to_owned());
        match api.delete(name, &DeleteOptions::default()).await {
            Ok(Deleted::Gone(_) | Deleted::Terminating(_)) => {
                let note = format!("Deleted pod: {name}");
                self.recorder.event(owner, EventType::Normal, "SuccessfulDelete", note);
                Ok(())
            }
            Err(error) if error.is_not_found() => Err(error.into()),
            Err(source) => {
                let note = format!("Error deleting: {source}");
                self.recorder.event(owner, EventType::Warning, "FailedDelete", note);
                Err(SyncError::Context {
                    context: "unable to delete pods".to_owned(),
                    source,
                })
            }
        }
    }
}
