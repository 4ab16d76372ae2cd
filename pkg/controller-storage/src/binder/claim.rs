//! A claim, bound or not.

use std::sync::Arc;

use client_go::cache::ObjectKey;
use client_go::events::EventType;
use k8s_api::core::v1::PersistentVolumeClaim;

use super::matching::misfit;
use super::{Binder, BinderError};
use crate::claims::{
    BIND_COMPLETED, BOUND_BY_CONTROLLER, SELECTED_NODE, claim_has_class, claim_key, class_of_claim, default_class,
    has_annotation, is_bound_to, waits_for_consumer,
};
use crate::{BY_CLAIM, migration};

impl Binder {
    /// Brings a claim closer to being bound.
    pub(super) async fn claim(self: &Arc<Self>, key: &ObjectKey) -> Result<(), BinderError> {
        let Some(mut claim) = self.claims.get(key) else {
            return Ok(());
        };
        if let Some(annotations) = migration::annotated(&claim.metadata.annotations, true) {
            let mut changed = (*claim).clone();
            changed.metadata.annotations = annotations;
            claim = self.write_claim(&changed).await?;
        }
        if has_annotation(&claim.metadata, BIND_COMPLETED) {
            self.bound_claim(&claim).await
        } else if claim.spec.volume_name.is_empty() {
            self.free_claim(&claim).await
        } else {
            self.claim_of_volume(&claim).await
        }
    }

    /// A claim that names no volume.
    async fn free_claim(self: &Arc<Self>, claim: &Arc<PersistentVolumeClaim>) -> Result<(), BinderError> {
        let waits = waits_for_consumer(claim, &self.classes).map_err(BinderError::Invalid)?;
        if let Some(volume) = self.best_volume(claim, waits)? {
            return self.bind(&volume, claim).await;
        }
        if !claim_has_class(claim)
            && let Some(class) = default_class(&self.classes)
        {
            let mut changed = (**claim).clone();
            changed.spec.storage_class_name = Some(class);
            // The change itself brings the claim back here.
            let written = self.write_claim(&changed).await;
            return written.map(drop).map_err(|error| {
                let key = ObjectKey::of(&**claim);
                BinderError::Invalid(format!(
                    "can't update PersistentVolumeClaim[{:?}]: {error}",
                    key.as_str()
                ))
            });
        }
        if waits && !has_annotation(&claim.metadata, SELECTED_NODE) {
            self.tell_of_waiting(claim);
        } else if !class_of_claim(claim).is_empty() {
            return self.provision(claim);
        } else {
            let note = "no persistent volumes available for this claim and no storage class is set";
            self.recorder.event(&**claim, EventType::Normal, "FailedBinding", note);
        }
        self.leave_pending(claim).await
    }

    fn tell_of_waiting(&self, claim: &PersistentVolumeClaim) {
        let pods = self.pods.by_index(BY_CLAIM, ObjectKey::of(claim).as_str());
        let waiting = pods
            .iter()
            .filter(|pod| !controller_objects::pods::is_terminal(pod) && pod.spec.node_name.is_empty());
        let names: Vec<&str> = waiting.map(|pod| pod.metadata.name.as_str()).collect();
        let (reason, note) = match names.as_slice() {
            [] => (
                "WaitForFirstConsumer",
                "waiting for first consumer to be created before binding".to_owned(),
            ),
            [one] => ("WaitForPodScheduled", format!("waiting for pod {one} to be scheduled")),
            many => (
                "WaitForPodScheduled",
                format!("waiting for pods {} to be scheduled", many.join(",")),
            ),
        };
        self.recorder.event(claim, EventType::Normal, reason, note);
    }

    /// A claim that names a volume and has not been bound.
    async fn claim_of_volume(&self, claim: &Arc<PersistentVolumeClaim>) -> Result<(), BinderError> {
        let name = &claim.spec.volume_name;
        let Some(volume) = self.volumes.get(&ObjectKey::from(name.as_str())) else {
            return self.leave_pending(claim).await;
        };
        let Some(reference) = &volume.spec.claim_ref else {
            let Some(fault) = misfit(&volume, claim) else {
                return self.bind(&volume, claim).await;
            };
            let note = format!("Cannot bind to requested volume {name:?}: {fault}");
            self.recorder
                .event(&**claim, EventType::Warning, "VolumeMismatch", note);
            return self.leave_pending(claim).await;
        };
        if is_bound_to(&volume, claim) {
            return self.bind(&volume, claim).await;
        }
        let note = format!("volume {name:?} already bound to a different claim.");
        self.recorder.event(&**claim, EventType::Warning, "FailedBinding", note);
        if !has_annotation(&claim.metadata, BOUND_BY_CONTROLLER) {
            return self.leave_pending(claim).await;
        }
        // This controller has named the volume and never does so twice.
        Err(BinderError::Invalid(format!(
            "invalid binding of claim {:?} to volume {name:?}: volume already claimed by {:?}",
            ObjectKey::of(&**claim).as_str(),
            claim_key(reference)
        )))
    }

    /// A claim that was bound once.
    async fn bound_claim(&self, claim: &Arc<PersistentVolumeClaim>) -> Result<(), BinderError> {
        let name = &claim.spec.volume_name;
        if name.is_empty() {
            let note = "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!";
            return self.lose_claim(claim, "ClaimLost", note).await;
        }
        let Some(volume) = self.volumes.get(&ObjectKey::from(name.as_str())) else {
            let note = "Bound claim has lost its PersistentVolume. Data on the volume is lost!";
            return self.lose_claim(claim, "ClaimLost", note).await;
        };
        match &volume.spec.claim_ref {
            Some(reference) if reference.uid != claim.metadata.uid => {
                let note = "Two claims are bound to the same volume, this one is bound incorrectly";
                self.lose_claim(claim, "ClaimMisbound", note).await
            }
            _ => self.bind(&volume, claim).await,
        }
    }
}
