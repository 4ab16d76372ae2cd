//! Persistent volumes.

mod show;
mod sources;
#[cfg(test)]
mod tests;
mod update;
mod validation;

use apimachinery::field::Path;
use apis_pod::{pod::warnings_for_node_selector_term, resources::round_up_list};
use k8s_api::core::v1::PersistentVolume;

pub use update::{validate_status_update, validate_update};
pub use validation::{Options, validate, validate_inline_spec};

use crate::core::persistent_volume_claim::{BETA_CLASS_ANNOTATION, FILESYSTEM};

const MOUNT_OPTIONS_ANNOTATION: &str = "volume.beta.kubernetes.io/mount-options";
const RETAIN: &str = "Retain";
const RECYCLE: &str = "Recycle";
/// The phase of a volume that nobody has looked at yet.
pub const PENDING: &str = "Pending";

fn set_if_empty(field: &mut String, value: &str) {
    if field.is_empty() {
        value.clone_into(field);
    }
}

/// Sets the defaults of a volume.
pub fn set_defaults(volume: &mut PersistentVolume) {
    set_if_empty(&mut volume.status.phase, PENDING);
    let spec = &mut volume.spec;
    set_if_empty(&mut spec.persistent_volume_reclaim_policy, RETAIN);
    spec.volume_mode.get_or_insert_with(|| FILESYSTEM.to_owned());
    round_up_list(&mut spec.capacity);
    if let Some(path) = &mut spec.host_path {
        path.type_.get_or_insert_default();
    }
    if let Some(rbd) = &mut spec.rbd {
        set_if_empty(&mut rbd.pool, "rbd");
        set_if_empty(&mut rbd.user, "admin");
        set_if_empty(&mut rbd.keyring, "/etc/ceph/keyring");
    }
    if let Some(iscsi) = &mut spec.iscsi {
        set_if_empty(&mut iscsi.iscsi_interface, "default");
    }
    if let Some(disk) = &mut spec.azure_disk {
        disk.caching_mode.get_or_insert_with(|| "ReadWrite".to_owned());
        disk.fs_type.get_or_insert_with(|| "ext4".to_owned());
        disk.read_only.get_or_insert(false);
        disk.kind.get_or_insert_with(|| "Shared".to_owned());
    }
    if let Some(scale_io) = &mut spec.scale_io {
        set_if_empty(&mut scale_io.storage_mode, "ThinProvisioned");
        set_if_empty(&mut scale_io.fs_type, "xfs");
    }
}

/// The class of a volume; empty if it has none.
#[must_use]
pub fn class_name(volume: &PersistentVolume) -> &str {
    let annotated = volume.metadata.annotations.get(BETA_CLASS_ANNOTATION);
    annotated.unwrap_or(&volume.spec.storage_class_name)
}

/// Warnings about a volume that is created or updated.
#[must_use]
pub fn warnings(volume: &PersistentVolume) -> Vec<String> {
    let mut warnings = Vec::new();
    for (key, message) in [
        (
            BETA_CLASS_ANNOTATION,
            r#"deprecated since v1.8; use "storageClassName" attribute instead"#,
        ),
        (
            MOUNT_OPTIONS_ANNOTATION,
            r#"deprecated since v1.31; use "mountOptions" attribute instead"#,
        ),
    ] {
        if volume.metadata.annotations.contains_key(key) {
            warnings.push(format!("metadata.annotations[{key}]: {message}"));
        }
    }
    let spec = &volume.spec;
    if spec.persistent_volume_reclaim_policy == RECYCLE {
        warnings.push(
            "spec.persistentVolumeReclaimPolicy: The Recycle reclaim policy is deprecated. Instead, the recommended approach is to use dynamic provisioning."
                .to_owned(),
        );
    }
    let required = spec
        .node_affinity
        .as_ref()
        .and_then(|affinity| affinity.required.as_ref());
    let terms = required.map_or(&[][..], |required| &required.node_selector_terms);
    let path = Path::new("spec.nodeAffinity.required.nodeSelectorTerms");
    for (index, term) in terms.iter().enumerate() {
        warnings.extend(warnings_for_node_selector_term(term, false, &path.index(index)));
    }
    for (present, field, since) in [
        (spec.cephfs.is_some(), "cephfs", "v1.28, non-functional in v1.31+"),
        (
            spec.photon_persistent_disk.is_some(),
            "photonPersistentDisk",
            "v1.11, non-functional in v1.16+",
        ),
        (spec.scale_io.is_some(), "scaleIO", "v1.16, non-functional in v1.22+"),
        (spec.storageos.is_some(), "storageOS", "v1.22, non-functional in v1.25+"),
        (spec.glusterfs.is_some(), "glusterfs", "v1.25, non-functional in v1.26+"),
        (spec.rbd.is_some(), "rbd", "v1.28, non-functional in v1.31+"),
    ] {
        if present {
            warnings.push(format!("spec.{field}: deprecated in {since}"));
        }
    }
    warnings
}
