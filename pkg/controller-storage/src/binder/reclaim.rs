//! What becomes of a volume whose claim is gone.

use std::sync::Arc;

use client_go::api::DeleteOptions;
use client_go::events::EventType;
use k8s_api::core::v1::PersistentVolume;

use super::{Binder, BinderError, host_path};
use crate::BY_CLAIM;
use crate::claims::{IN_TREE_FINALIZER, MIGRATED_TO, PROVISIONED_BY, claim_key, has_annotation};

type Volume = Arc<PersistentVolume>;

/// Who deletes the storage behind a volume.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Deleter {
    /// This process.
    HostPath,
    /// A provisioner of its own.
    External,
}

impl Binder {
    /// Does with a released volume what its policy says.
    pub(super) async fn reclaim(self: &Arc<Self>, volume: &Volume) -> Result<(), BinderError> {
        if volume
            .metadata
            .annotations
            .get(MIGRATED_TO)
            .is_some_and(|driver| !driver.is_empty())
        {
            return Ok(());
        }
        let operation = |verb: &str| format!("{verb}-{}[{}]", volume.metadata.name, volume.metadata.uid);
        let (this, released) = (self.clone(), volume.clone());
        match volume.spec.persistent_volume_reclaim_policy.as_str() {
            "Retain" => Ok(()),
            "Recycle" => {
                let work = async move { this.recycle(&released).await };
                self.operations.run(operation("recycle"), work);
                Ok(())
            }
            "Delete" => {
                let work = async move { this.delete(&released).await };
                self.operations.run(operation("delete"), work);
                Ok(())
            }
            _ => {
                let note = "Volume has unrecognized PersistentVolumeReclaimPolicy";
                self.fail_volume(volume, "VolumeUnknownReclaimPolicy", note).await
            }
        }
    }

    /// The volume as the server has it, if it is still to be reclaimed.
    async fn still_released(&self, volume: &Volume) -> Result<Option<Volume>, ()> {
        let api = self.client.cluster::<PersistentVolume>();
        match api.get_opt(&volume.metadata.name).await {
            Ok(latest) => Ok(latest.filter(|latest| self.is_released(latest)).map(Arc::new)),
            Err(error) => {
                tracing::debug!(volume = volume.metadata.name, %error, "Error reading persistent volume");
                Err(())
            }
        }
    }

    async fn delete(&self, volume: &Volume) -> Result<(), ()> {
        let name = &volume.metadata.name;
        let deleter = match deleter(volume) {
            Ok(Deleter::External) => return Ok(()),
            Ok(deleter) => deleter,
            Err(message) => return self.failed(volume, "VolumeFailedDelete", &message).await,
        };
        let Some(volume) = self.still_released(volume).await? else {
            return Ok(());
        };
        debug_assert_eq!(deleter, Deleter::HostPath);
        if let Err(message) = host_path::delete(&volume).await {
            return self.failed(&volume, "VolumeFailedDelete", &message).await;
        }
        let mut volume = volume;
        if controller_objects::finalizers::has(&volume.metadata, IN_TREE_FINALIZER) {
            let mut changed = (*volume).clone();
            controller_objects::finalizers::remove(&mut changed.metadata, IN_TREE_FINALIZER);
            match self.write_volume(&changed).await {
                Ok(written) => volume = written,
                Err(error) => {
                    let message = format!("persistent volume controller can't update finalizer: {error}");
                    return self.failed(&volume, "VolumeFailedDelete", &message).await;
                }
            }
        }
        drop(volume);
        let api = self.client.cluster::<PersistentVolume>();
        match api.delete(name, &DeleteOptions::default()).await {
            // The next look at the volume tries again.
            Err(error) if !error.is_not_found() => {
                tracing::info!(volume = name, %error, "Failed to delete volume from database");
            }
            _ => {}
        }
        Ok(())
    }

    async fn failed(&self, volume: &Volume, reason: &str, message: &str) -> Result<(), ()> {
        if let Err(error) = self.fail_volume(volume, reason, message).await {
            tracing::debug!(volume = volume.metadata.name, %error, "Failed to mark volume as failed");
        }
        Err(())
    }

    async fn recycle(&self, volume: &Volume) -> Result<(), ()> {
        let Some(volume) = self.still_released(volume).await? else {
            return Ok(());
        };
        let Some(reference) = &volume.spec.claim_ref else {
            return Ok(());
        };
        let key = claim_key(reference);
        let pods = self.pods.by_index(BY_CLAIM, &key);
        let users = pods.iter().filter(|pod| !controller_objects::pods::is_terminal(pod));
        let mut users: Vec<String> = users
            .map(|pod| format!("{}/{}", pod.metadata.namespace, pod.metadata.name))
            .collect();
        users.sort();
        // Pods of a new claim of the same name do not use this volume.
        if !users.is_empty() && self.claims.get(&key.as_str().into()).is_none() {
            let note = format!("Volume is used by pods: {}", users.join(","));
            self.recorder
                .event(&*volume, EventType::Normal, "VolumeFailedRecycle", note);
            return Ok(());
        }
        let Some(pod) = self.recyclers.pod(&volume) else {
            let message = "No recycler plugin found for the volume!";
            return self.failed(&volume, "VolumeFailedRecycle", message).await;
        };
        if let Err(message) = self.scrub(&volume, pod).await {
            let message = format!("Recycle failed: {message}");
            return self.failed(&volume, "VolumeFailedRecycle", &message).await;
        }
        self.recorder
            .event(&*volume, EventType::Normal, "VolumeRecycled", "Volume recycled");
        if let Err(error) = self.unbind(&volume).await {
            tracing::info!(volume = volume.metadata.name, %error, "Recycling failed: failed to make recycled volume available");
        }
        Ok(())
    }
}

/// Who deletes the storage behind a volume.
pub(super) fn deleter(volume: &PersistentVolume) -> Result<Deleter, String> {
    let no_plugin = |name: &str| format!("no deletable volume plugin matched name: {name}");
    if let Some(provisioner) = volume
        .metadata
        .annotations
        .get(PROVISIONED_BY)
        .filter(|name| !name.is_empty())
    {
        return match provisioner.as_str() {
            host_path::PROVISIONER => Ok(Deleter::HostPath),
            other if other.starts_with("kubernetes.io/") => Err(no_plugin(other)),
            _ => Ok(Deleter::External),
        };
    }
    if has_annotation(&volume.metadata, MIGRATED_TO) || volume.spec.csi.is_some() {
        return Ok(Deleter::External);
    }
    if volume.spec.host_path.is_some() {
        return Ok(Deleter::HostPath);
    }
    Err(format!(
        "error getting deleter volume plugin for volume {:?}: no deletable volume plugin matched",
        volume.metadata.name
    ))
}
