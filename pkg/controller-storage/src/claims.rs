//! What claims ask for, and what volumes have (upstream: `component-helpers/storage/volume`).

use client_go::cache::Lister;
use k8s_api::core::v1::{ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_api::meta::v1::ObjectMeta;
use k8s_api::primitives::{Quantity, Time};
use k8s_api::storage::v1::StorageClass;

/// The claim has been bound once.
pub(crate) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// The reference was set by the controller and may be taken back by it.
pub(crate) const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";
/// The node that the scheduler has chosen for the claim's first consumer.
pub(crate) const SELECTED_NODE: &str = "volume.kubernetes.io/selected-node";
/// Who made the volume.
pub(crate) const PROVISIONED_BY: &str = "pv.kubernetes.io/provisioned-by";
/// The CSI driver that does the work of a driver that was built in.
pub(crate) const MIGRATED_TO: &str = "pv.kubernetes.io/migrated-to";
/// Who is to make a volume for the claim.
pub(crate) const PROVISIONER: &str = "volume.kubernetes.io/storage-provisioner";
/// The same, as it was called before.
pub(crate) const BETA_PROVISIONER: &str = "volume.beta.kubernetes.io/storage-provisioner";
/// Holds volumes whose storage this controller deletes.
pub(crate) const IN_TREE_FINALIZER: &str = "kubernetes.io/pv-controller";
/// Holds volumes whose storage an external provisioner deletes.
pub(crate) const EXTERNAL_FINALIZER: &str = "external-provisioner.volume.kubernetes.io/finalizer";
const BETA_CLASS: &str = "volume.beta.kubernetes.io/storage-class";
const DEFAULT_CLASS: [&str; 2] = [
    "storageclass.kubernetes.io/is-default-class",
    "storageclass.beta.kubernetes.io/is-default-class",
];

/// Whether the object has this annotation, whatever its value.
pub(crate) fn has_annotation(metadata: &ObjectMeta, key: &str) -> bool {
    metadata.annotations.contains_key(key)
}

/// The class of a claim; empty for none.
pub(crate) fn class_of_claim(claim: &PersistentVolumeClaim) -> &str {
    let spec = || claim.spec.storage_class_name.as_deref().unwrap_or_default();
    claim
        .metadata
        .annotations
        .get(BETA_CLASS)
        .map_or_else(spec, String::as_str)
}

/// Whether a claim says anything about its class, be it that it wants none.
pub(crate) fn claim_has_class(claim: &PersistentVolumeClaim) -> bool {
    claim.metadata.annotations.contains_key(BETA_CLASS) || claim.spec.storage_class_name.is_some()
}

/// The class of a volume; empty for none.
pub(crate) fn class_of_volume(volume: &PersistentVolume) -> &str {
    volume
        .metadata
        .annotations
        .get(BETA_CLASS)
        .unwrap_or(&volume.spec.storage_class_name)
}

/// `namespace/name` of the claim that a volume refers to.
pub(crate) fn claim_key(reference: &ObjectReference) -> String {
    format!("{}/{}", reference.namespace, reference.name)
}

/// Whether a volume is bound to a claim, or reserved for it.
pub(crate) fn is_bound_to(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    volume.spec.claim_ref.as_ref().is_some_and(|reference| {
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && (reference.uid.is_empty() || reference.uid == claim.metadata.uid)
    })
}

/// The size that a claim asks for.
pub(crate) fn requested(claim: &PersistentVolumeClaim) -> Quantity {
    let requests = claim.spec.resources.requests.get("storage");
    requests.cloned().unwrap_or_default()
}

/// The size of a volume.
pub(crate) fn capacity(volume: &PersistentVolume) -> Quantity {
    volume.spec.capacity.get("storage").cloned().unwrap_or_default()
}

/// Whether claim and volume are of different modes, a file system and a device.
pub(crate) fn modes_differ(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> bool {
    let mode = |mode: &Option<String>| mode.clone().unwrap_or_else(|| "Filesystem".to_owned());
    mode(&claim.spec.volume_mode) != mode(&volume.spec.volume_mode)
}

/// Whether a volume has all the access modes that a claim asks for.
pub(crate) fn has_access_modes(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> bool {
    let modes = &volume.spec.access_modes;
    claim.spec.access_modes.iter().all(|mode| modes.contains(mode))
}

/// Whether claim and volume name different classes of attributes.
pub(crate) fn attributes_differ(claim: &PersistentVolumeClaim, volume: &PersistentVolume) -> bool {
    let class = |class: &Option<String>| class.clone().unwrap_or_default();
    class(&claim.spec.volume_attributes_class_name) != class(&volume.spec.volume_attributes_class_name)
}

/// Whether a claim waits for its first consumer.
///
/// # Errors
/// Its class does not say.
pub(crate) fn waits_for_consumer(
    claim: &PersistentVolumeClaim,
    classes: &Lister<StorageClass>,
) -> Result<bool, String> {
    let name = class_of_claim(claim);
    let Some(class) = (!name.is_empty()).then(|| classes.get("", name)).flatten() else {
        return Ok(false);
    };
    match class.volume_binding_mode.as_deref() {
        None => Err(format!("VolumeBindingMode not set for StorageClass {name:?}")),
        Some(mode) => Ok(mode == "WaitForFirstConsumer"),
    }
}

/// The default class; of several the youngest.
pub(crate) fn default_class(classes: &Lister<StorageClass>) -> Option<String> {
    let is_default = |metadata: &ObjectMeta| {
        DEFAULT_CLASS
            .iter()
            .any(|key| metadata.annotations.get(key).is_some_and(|value| value == "true"))
    };
    let defaults = classes
        .list()
        .into_iter()
        .map(|class| class.metadata.clone())
        .filter(is_default);
    let order = |metadata: &ObjectMeta| {
        let created = metadata.creation_timestamp.unwrap_or(Time::ZERO);
        (std::cmp::Reverse(created), metadata.name.clone())
    };
    defaults.min_by_key(order).map(|metadata| metadata.name)
}
