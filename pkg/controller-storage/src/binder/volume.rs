//! A volume, and the claim that it refers to.

use std::sync::Arc;

use client_go::cache::ObjectKey;
use client_go::events::EventType;
use k8s_api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};

use super::{Binder, BinderError};
use crate::claims::{EXTERNAL_FINALIZER, IN_TREE_FINALIZER, PROVISIONED_BY, has_annotation, modes_differ};
use crate::migration;

type Volume = Arc<PersistentVolume>;

impl Binder {
    /// Brings a volume's phase into line with its claim, and reclaims it when the claim is gone.
    pub(super) async fn volume(self: &Arc<Self>, key: &ObjectKey) -> Result<(), BinderError> {
        let Some(volume) = self.volumes.get(key) else {
            return Ok(());
        };
        let volume = self.keep_marks(volume).await?;
        let Some(reference) = volume
            .spec
            .claim_ref
            .as_deref()
            .filter(|reference| !reference.uid.is_empty())
        else {
            return self.set_volume_phase(&volume, "Available", "").await.map(drop);
        };
        let Some(claim) = self.claim_of(&volume, reference).await? else {
            return self.release(&volume).await;
        };
        if claim.spec.volume_name.is_empty() {
            if modes_differ(&claim, &volume) {
                self.tell_of_modes(&volume, &claim);
            } else {
                // The claim's own turn finishes the binding.
                self.claim_queue.add(ObjectKey::of(&*claim));
            }
            return Ok(());
        }
        if claim.spec.volume_name == volume.metadata.name {
            return self.set_volume_phase(&volume, "Bound", "").await.map(drop);
        }
        // The claim is bound to another volume.
        if has_annotation(&volume.metadata, PROVISIONED_BY) && volume.spec.persistent_volume_reclaim_policy == "Delete"
        {
            return self.release(&volume).await;
        }
        self.unbind(&volume).await
    }

    /// Marks of migrated drivers, and the finalizer of volumes whose storage this controller deletes.
    async fn keep_marks(&self, volume: Volume) -> Result<Volume, BinderError> {
        let mut changed = (*volume).clone();
        if let Some(annotations) = migration::annotated(&volume.metadata.annotations, false) {
            changed.metadata.annotations = annotations;
        }
        if let Some(finalizers) = finalizers(&volume) {
            changed.metadata.finalizers = finalizers;
        }
        if changed == *volume {
            return Ok(volume);
        }
        Ok(self.write_volume(&changed).await?)
    }

    /// The claim that a volume refers to; `None` only if the server knows none with its UID.
    async fn claim_of(
        &self,
        volume: &PersistentVolume,
        reference: &ObjectReference,
    ) -> Result<Option<Arc<PersistentVolumeClaim>>, BinderError> {
        let key = ObjectKey::new(&reference.namespace, &reference.name);
        match self.claims.get(&key) {
            Some(claim) if claim.metadata.uid == reference.uid => return Ok(Some(claim)),
            // Once it was decided that the claim is gone the server is not asked again and again.
            None if matches!(volume.status.phase.as_str(), "Released" | "Failed") => return Ok(None),
            _ => {}
        }
        let api = self
            .client
            .namespaced::<PersistentVolumeClaim>(reference.namespace.clone());
        let live = api.get_opt(&reference.name).await?;
        Ok(live.filter(|claim| claim.metadata.uid == reference.uid).map(Arc::new))
    }

    fn tell_of_modes(&self, volume: &Volume, claim: &PersistentVolumeClaim) {
        let because = "due to incompatible volumeMode.";
        let (of_volume, of_claim) = (&volume.metadata.name, &claim.metadata.name);
        let note = format!("Cannot bind PersistentVolume to requested PersistentVolumeClaim {of_claim:?} {because}");
        self.recorder
            .event(&**volume, EventType::Warning, "VolumeMismatch", note);
        let note = format!("Cannot bind PersistentVolume {of_volume:?} to requested PersistentVolumeClaim {because}");
        self.recorder.event(claim, EventType::Warning, "VolumeMismatch", note);
    }

    /// A volume's claim is gone. A failure that was told before stays to be seen.
    async fn release(self: &Arc<Self>, volume: &Volume) -> Result<(), BinderError> {
        let mut volume = volume.clone();
        if !matches!(volume.status.phase.as_str(), "Released" | "Failed") {
            volume = self.set_volume_phase(&volume, "Released", "").await?;
        }
        self.reclaim(&volume).await
    }

    /// Whether a volume's claim is gone, or bound to another volume.
    pub(super) fn is_released(&self, volume: &PersistentVolume) -> bool {
        let Some(reference) = volume
            .spec
            .claim_ref
            .as_ref()
            .filter(|reference| !reference.uid.is_empty())
        else {
            return false;
        };
        let claim = self.claims.get(&ObjectKey::new(&reference.namespace, &reference.name));
        claim
            .filter(|claim| claim.metadata.uid == reference.uid)
            .is_none_or(|claim| !claim.spec.volume_name.is_empty() && claim.spec.volume_name != volume.metadata.name)
    }
}

/// The finalizers that a volume should have; `None` if it has them.
pub(super) fn finalizers(volume: &PersistentVolume) -> Option<Vec<String>> {
    let provisioner = volume.metadata.annotations.get(PROVISIONED_BY)?;
    let mut metadata = volume.metadata.clone();
    let own = |metadata: &mut _, wanted: bool| {
        if wanted {
            controller_objects::finalizers::add(metadata, IN_TREE_FINALIZER);
        } else {
            controller_objects::finalizers::remove(metadata, IN_TREE_FINALIZER);
        }
    };
    if migration::csi_driver(provisioner).is_some() {
        own(&mut metadata, false);
    } else if provisioner.starts_with("kubernetes.io/") {
        match volume.spec.persistent_volume_reclaim_policy.as_str() {
            "Delete" => own(&mut metadata, true),
            "Retain" | "Recycle" => own(&mut metadata, false),
            _ => {}
        }
        // A driver that was migrated and is not any more.
        controller_objects::finalizers::remove(&mut metadata, EXTERNAL_FINALIZER);
    }
    (metadata.finalizers != volume.metadata.finalizers).then_some(metadata.finalizers)
}
