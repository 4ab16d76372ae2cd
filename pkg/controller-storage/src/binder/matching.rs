//! Which volume suits a claim.

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::cache::ObjectKey;
use k8s_api::core::v1::{PersistentVolume, PersistentVolumeClaim};

use super::{Binder, BinderError, OF_CLAIM, OF_CLASS};
use crate::claims::{
    attributes_differ, capacity, class_of_claim, class_of_volume, has_access_modes, is_bound_to, modes_differ,
    requested,
};

impl Binder {
    /// The volume that suits a claim best: one that is reserved for it or, unless the claim waits for its consumer, the
    /// smallest of those with the fewest access modes.
    pub(super) fn best_volume(
        &self,
        claim: &PersistentVolumeClaim,
        waits: bool,
    ) -> Result<Option<Arc<PersistentVolume>>, BinderError> {
        let key = ObjectKey::of(claim);
        let selector = claim
            .spec
            .selector
            .as_deref()
            .map(|selector| Selector::from_api(Some(selector)));
        let selector = selector.transpose().map_err(|error| {
            BinderError::Invalid(format!(
                "error finding PV for claim {:?}: error creating internal label selector for claim: {key}: {error}",
                key.as_str()
            ))
        })?;
        let volumes = self.volumes.lister();
        let mut candidates = volumes.by_index(OF_CLAIM, key.as_str());
        if !waits {
            candidates.extend(volumes.by_index(OF_CLASS, class_of_claim(claim)));
        }
        let candidates = candidates.into_iter().map(|volume| self.volumes.newest(volume));
        Ok(candidates
            .filter(|volume| suits(volume, claim, waits, selector.as_ref()))
            .min_by(|a, b| {
                let modes = |volume: &PersistentVolume| volume.spec.access_modes.len();
                let reserved = |volume: &PersistentVolume| is_bound_to(volume, claim);
                (modes(a).cmp(&modes(b)))
                    .then_with(|| reserved(b).cmp(&reserved(a)))
                    .then_with(|| capacity(a).cmp(&capacity(b)))
                    .then_with(|| a.metadata.name.cmp(&b.metadata.name))
            }))
    }
}

/// Whether a volume suits a claim.
pub(super) fn suits(
    volume: &PersistentVolume,
    claim: &PersistentVolumeClaim,
    waits: bool,
    selector: Option<&Selector>,
) -> bool {
    let reserved = is_bound_to(volume, claim);
    if (volume.spec.claim_ref.is_some() && !reserved)
        || capacity(volume) < requested(claim)
        || modes_differ(claim, volume)
        || attributes_differ(claim, volume)
        || !has_access_modes(claim, volume)
        || volume.metadata.deletion_timestamp.is_some()
    {
        return false;
    }
    reserved
        || (!waits
            && volume.status.phase == "Available"
            && selector.is_none_or(|selector| selector.matches(&volume.metadata.labels))
            && class_of_volume(volume) == class_of_claim(claim))
}

/// Why a volume that a claim names cannot be its; `None` if it can.
pub(super) fn misfit(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<String> {
    let fault = if volume.metadata.deletion_timestamp.is_some() {
        return Some(format!("the volume is marked for deletion {:?}", volume.metadata.name));
    } else if capacity(volume).value() < requested(claim).value() {
        "requested PV is too small"
    } else if class_of_volume(volume) != class_of_claim(claim) {
        "storageClassName does not match"
    } else if attributes_differ(claim, volume) {
        "volumeAttributesClassName does not match"
    } else if modes_differ(claim, volume) {
        "incompatible volumeMode"
    } else if !has_access_modes(claim, volume) {
        "incompatible accessMode"
    } else {
        return None;
    };
    Some(fault.to_owned())
}
