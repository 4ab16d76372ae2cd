//! Pods: made with their claims, put right, deleted; and the events that tell of it.

use client_go::api::DeleteOptions;
use client_go::events::EventType;
use controller::workload::SyncError;
use k8s_api::apps::v1::StatefulSet;
use k8s_api::core::v1::Pod;

use super::{StatefulSetController, identity};

/// How often a pod that changes meanwhile is put right before the reconcile fails.
const ATTEMPTS: u32 = 4;

impl StatefulSetController {
    fn tell(&self, verb: &str, set: &StatefulSet, pod: &Pod, outcome: Result<(), &SyncError>) {
        let (pod, owner) = (&pod.metadata.name, &set.metadata.name);
        match outcome {
            Ok(()) => {
                let note = format!("{verb} Pod {pod} in StatefulSet {owner} successful");
                self.recorder
                    .event(set, EventType::Normal, &format!("Successful{verb}"), note);
            }
            Err(error) => {
                let note = format!("{verb} Pod {pod} in StatefulSet {owner} failed error: {error}");
                self.recorder
                    .event(set, EventType::Warning, &format!("Failed{verb}"), note);
            }
        }
    }

    /// Makes a pod and before it the claims that it needs.
    pub(super) async fn create_pod(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        if let Err(error) = self.create_claims(set, pod).await {
            self.tell("Create", set, pod, Err(&error));
            return Err(error);
        }
        let api = self.client.namespaced::<Pod>(set.metadata.namespace.clone());
        let created = api.create(pod).await;
        match created {
            // The cache is behind: it will show this pod.
            Err(error) if error.is_already_exists() => return Err(error.into()),
            Err(error) => {
                let error = SyncError::from(error);
                self.tell("Create", set, pod, Err(&error));
                return Err(error);
            }
            Ok(created) => {
                if let Err(error) = self.update_claims(set, &created).await {
                    self.tell("Update", set, pod, Err(&error));
                    return Err(error);
                }
            }
        }
        self.tell("Create", set, pod, Ok(()));
        Ok(())
    }

    /// Makes the claims of a pod that waits for them.
    pub(super) async fn create_missing_claims(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        self.create_claims(set, pod).await?;
        let outcome = self.update_claims(set, pod).await;
        if let Err(error) = &outcome {
            self.tell("Update", set, pod, Err(error));
        }
        outcome
    }

    /// Gives a pod the identity, the storage and the ownership of claims that it should have.
    pub(super) async fn put_right(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        let mut pod = pod.clone();
        let api = self.client.namespaced::<Pod>(set.metadata.namespace.clone());
        let mut attempts = 0;
        loop {
            let right = identity::identity_matches(set, &pod) && identity::storage_matches(set, &pod);
            if !identity::identity_matches(set, &pod) {
                identity::update_identity(set, &mut pod);
            }
            if !identity::storage_matches(set, &pod) {
                identity::update_storage(set, &mut pod);
                self.create_claims(set, &pod)
                    .await
                    .inspect_err(|error| self.tell("Update", set, &pod, Err(error)))?;
            }
            self.update_claims(set, &pod)
                .await
                .inspect_err(|error| self.tell("Update", set, &pod, Err(error)))?;
            if right {
                return Ok(());
            }
            attempts += 1;
            match api.update(&pod).await {
                Ok(_) => {
                    self.tell("Update", set, &pod, Ok(()));
                    return Ok(());
                }
                Err(error) if error.is_conflict() && attempts < ATTEMPTS => {
                    pod = api.get(&pod.metadata.name).await?;
                }
                Err(error) => {
                    let error = SyncError::from(error);
                    self.tell("Update", set, &pod, Err(&error));
                    return Err(error);
                }
            }
        }
    }

    /// Deletes a pod; one that is gone already is as good.
    pub(super) async fn delete_pod(&self, set: &StatefulSet, pod: &Pod) -> Result<(), SyncError> {
        let api = self.client.namespaced::<Pod>(set.metadata.namespace.clone());
        match api.delete(&pod.metadata.name, &DeleteOptions::default()).await {
            Err(error) if !error.is_not_found() => {
                let error = SyncError::from(error);
                self.tell("Delete", set, pod, Err(&error));
                Err(error)
            }
            _ => {
                self.tell("Delete", set, pod, Ok(()));
                Ok(())
            }
        }
    }
}
