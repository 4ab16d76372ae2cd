//! Volumes that are directories of the machine this process runs on: for tests on clusters of one node.

use k8s_api::core::v1::{HostPathVolumeSource, PersistentVolume, PersistentVolumeClaim};
use k8s_api::storage::v1::StorageClass;
use uuid::Uuid;

use crate::claims::requested;

/// The provisioner's name in classes and annotations.
pub(super) const PROVISIONER: &str = "kubernetes.io/host-path";
const CREATED_BY: (&str, &str) = ("kubernetes.io/createdby", "hostpath-dynamic-provisioner");
/// Below this alone anything is made or deleted.
const ROOT: &str = "/tmp/";
const BASE: &str = "/tmp/hostpath_pv";
const MODE: u32 = 0o750;

/// Deletes the directory of a volume.
pub(super) async fn delete(volume: &PersistentVolume) -> Result<(), String> {
    let path = volume.spec.host_path.as_ref().map_or("", |source| source.path.as_str());
    let below = path.strip_prefix(ROOT).is_some_and(|rest| !rest.is_empty());
    if !below || path.split('/').any(|part| part == "..") {
        return Err(format!(
            "host_path deleter only supports /tmp/.+ but received provided {path}"
        ));
    }
    match tokio::fs::remove_dir_all(path).await {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.to_string()),
        _ => Ok(()),
    }
}

/// Makes a directory and a volume of it.
pub(super) async fn provision(
    name: String,
    claim: &PersistentVolumeClaim,
    class: &StorageClass,
) -> Result<PersistentVolume, String> {
    if claim.spec.volume_mode.as_deref() == Some("Block") {
        return Err(format!("{PROVISIONER} does not support block volume provisioning"));
    }
    let path = format!("{BASE}/{}", Uuid::new_v4());
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true).mode(MODE);
    builder
        .create(&path)
        .await
        .map_err(|error| format!("mkdir {path}: {error}"))?;
    let mut volume = PersistentVolume::default();
    volume.metadata.name = name;
    let (key, by) = CREATED_BY;
    volume.metadata.annotations.insert(key, by.to_owned());
    let spec = &mut volume.spec;
    spec.persistent_volume_reclaim_policy = class.reclaim_policy.clone().unwrap_or_else(|| "Delete".to_owned());
    spec.access_modes = if claim.spec.access_modes.is_empty() {
        vec!["ReadWriteOnce".to_owned()]
    } else {
        claim.spec.access_modes.clone()
    };
    spec.capacity.insert("storage", requested(claim));
    spec.host_path = Some(Box::new(HostPathVolumeSource {
        path,
        ..HostPathVolumeSource::default()
    }));
    Ok(volume)
}
