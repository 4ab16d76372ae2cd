//! The writes of a binding, each of them done only if it changes anything.

use std::sync::Arc;

use client_go::Error;
use client_go::events::{EventType, reference};
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};
use k8s_api::primitives::Quantity;

use super::{Binder, BinderError};
use crate::claims::{BIND_COMPLETED, BOUND_BY_CONTROLLER, has_annotation, is_bound_to};

/// The size that a claim had before its file system is grown to its volume's.
const PRE_RESIZE_CAPACITY: &str = "volume.alpha.kubernetes.io/pre-resize-capacity";

type Claim = Arc<PersistentVolumeClaim>;
type Volume = Arc<PersistentVolume>;

impl Binder {
    pub(super) async fn write_volume(&self, volume: &PersistentVolume) -> Result<Volume, Error> {
        let written = self.client.cluster::<PersistentVolume>().update(volume).await?;
        Ok(self.volumes.wrote(written))
    }

    pub(super) async fn write_claim(&self, claim: &PersistentVolumeClaim) -> Result<Claim, Error> {
        let namespace = claim.metadata.namespace.clone();
        let written = self
            .client
            .namespaced::<PersistentVolumeClaim>(namespace)
            .update(claim)
            .await?;
        Ok(self.claims.wrote(written))
    }

    /// Binds a volume and a claim, from wherever the binding stands.
    pub(super) async fn bind(&self, volume: &Volume, claim: &Claim) -> Result<(), BinderError> {
        let volume = self.refer_to_claim(volume, claim).await?;
        let volume = self.set_volume_phase(&volume, "Bound", "").await?;
        let claim = self.name_volume(claim, &volume).await?;
        self.set_claim_phase(&claim, "Bound", Some(&volume)).await.map(drop)
    }

    async fn refer_to_claim(&self, volume: &Volume, claim: &Claim) -> Result<Volume, Error> {
        let reserved = is_bound_to(volume, claim);
        let mut changed = (**volume).clone();
        let metadata = &claim.metadata;
        let refers = volume.spec.claim_ref.as_ref().is_some_and(|reference| {
            reference.name == metadata.name
                && reference.namespace == metadata.namespace
                && reference.uid == metadata.uid
        });
        if !refers {
            changed.spec.claim_ref = Some(Box::new(reference(&**claim)));
        }
        if !reserved && !has_annotation(&volume.metadata, BOUND_BY_CONTROLLER) {
            changed
                .metadata
                .annotations
                .insert(BOUND_BY_CONTROLLER, "yes".to_owned());
        }
        if changed == **volume {
            return Ok(volume.clone());
        }
        self.write_volume(&changed).await
    }

    async fn name_volume(&self, claim: &Claim, volume: &Volume) -> Result<Claim, Error> {
        let mut changed = (**claim).clone();
        let annotations = &mut changed.metadata.annotations;
        if claim.spec.volume_name != volume.metadata.name {
            changed.spec.volume_name.clone_from(&volume.metadata.name);
            annotations.get_or_insert_with(BOUND_BY_CONTROLLER, || "yes".to_owned());
        }
        annotations.get_or_insert_with(BIND_COMPLETED, || "yes".to_owned());
        if changed == **claim {
            return Ok(claim.clone());
        }
        self.write_claim(&changed).await
    }

    /// Frees a volume of its claim; one that was reserved by a user goes on being reserved.
    pub(super) async fn unbind(&self, volume: &Volume) -> Result<(), BinderError> {
        let mut changed = (**volume).clone();
        if changed.metadata.annotations.remove(BOUND_BY_CONTROLLER).is_some() {
            changed.spec.claim_ref = None;
        } else if let Some(reference) = &mut changed.spec.claim_ref {
            reference.uid.clear();
        }
        let volume = self.write_volume(&changed).await?;
        self.set_volume_phase(&volume, "Available", "").await.map(drop)
    }

    pub(super) async fn set_volume_phase(
        &self,
        volume: &Volume,
        phase: &str,
        message: &str,
    ) -> Result<Volume, BinderError> {
        if volume.status.phase == phase {
            return Ok(volume.clone());
        }
        let mut changed = (**volume).clone();
        phase.clone_into(&mut changed.status.phase);
        message.clone_into(&mut changed.status.message);
        let written = self
            .client
            .cluster::<PersistentVolume>()
            .update_status(&changed)
            .await?;
        Ok(self.volumes.wrote(written))
    }

    /// Marks a volume as failed, and tells it, once.
    pub(super) async fn fail_volume(&self, volume: &Volume, reason: &str, message: &str) -> Result<(), BinderError> {
        if volume.status.phase != "Failed" {
            let failed = self.set_volume_phase(volume, "Failed", message).await?;
            self.recorder.event(&*failed, EventType::Warning, reason, message);
        }
        Ok(())
    }

    /// Marks a claim as lost, and tells it, once.
    pub(super) async fn lose_claim(&self, claim: &Claim, reason: &str, message: &str) -> Result<(), BinderError> {
        if claim.status.phase != "Lost" {
            let lost = self.set_claim_phase(claim, "Lost", None).await?;
            self.recorder.event(&*lost, EventType::Warning, reason, message);
        }
        Ok(())
    }

    /// A claim is not bound; of a volume its status tells nothing.
    pub(super) async fn leave_pending(&self, claim: &Claim) -> Result<(), BinderError> {
        self.set_claim_phase(claim, "Pending", None).await.map(drop)
    }

    async fn set_claim_phase(&self, claim: &Claim, phase: &str, volume: Option<&Volume>) -> Result<Claim, BinderError> {
        let mut changed = (**claim).clone();
        let status = &mut changed.status;
        phase.clone_into(&mut status.phase);
        match volume {
            None => {
                status.access_modes.clear();
                status.capacity.clear();
                status.current_volume_attributes_class_name = None;
            }
            Some(volume) => {
                status.access_modes.clone_from(&volume.spec.access_modes);
                // The size of a claim that is bound changes by growing alone, which is another's business.
                if claim.status.phase != phase {
                    let Some(capacity) = volume.spec.capacity.get("storage") else {
                        let name = &volume.metadata.name;
                        let message = format!("PersistentVolume {name:?} is without a storage capacity");
                        return Err(BinderError::Invalid(message));
                    };
                    match volume.metadata.annotations.get(PRE_RESIZE_CAPACITY) {
                        Some(before) => {
                            let before = before.parse::<Quantity>().unwrap_or_else(|_| capacity.clone());
                            status.capacity.insert("storage", before);
                        }
                        None if claim.status.capacity.get("storage") != Some(capacity) => {
                            status.capacity.clone_from(&volume.spec.capacity);
                        }
                        None => {}
                    }
                }
                if claim.status.phase == "Pending" && phase == "Bound" {
                    status
                        .current_volume_attributes_class_name
                        .clone_from(&volume.spec.volume_attributes_class_name);
                }
            }
        }
        if changed.status == claim.status {
            return Ok(claim.clone());
        }
        let namespace = claim.metadata.namespace.clone();
        let written = self
            .client
            .namespaced::<PersistentVolumeClaim>(namespace)
            .update_status(&changed)
            .await?;
        Ok(self.claims.wrote(written))
    }
}
