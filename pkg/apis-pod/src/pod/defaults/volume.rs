//! Defaults of volumes.

use k8s_api::core::v1::{
    AzureDiskVolumeSource, DownwardAPIVolumeFile, PersistentVolumeClaimSpec, ProjectedVolumeSource, RBDVolumeSource,
    ScaleIOVolumeSource, Volume,
};

use super::{container::set_field_selector_defaults, image::default_pull_policy, set_text};
use crate::resources::round_up_list;

/// Permissions of files that come out of objects: read and write for the owner, read for all.
const FILE_MODE: i32 = 0o644;
const TOKEN_EXPIRATION_SECONDS: i64 = 60 * 60;

fn is_without_source(volume: &Volume) -> bool {
    let named = Volume {
        name: volume.name.clone(),
        ..Volume::default()
    };
    *volume == named
}

/// Defaults of a volume of any type; without a type it is an empty directory.
pub(super) fn set_volume_defaults(volume: &mut Volume) {
    if is_without_source(volume) {
        volume.empty_dir = Some(Box::default());
    }
    if let Some(image) = volume.image.as_mut().filter(|image| image.pull_policy.is_empty()) {
        default_pull_policy(&image.reference).clone_into(&mut image.pull_policy);
    }
    if let Some(host_path) = &mut volume.host_path {
        host_path.type_.get_or_insert_default();
    }
    if let Some(secret) = &mut volume.secret {
        secret.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(iscsi) = &mut volume.iscsi {
        set_text(&mut iscsi.iscsi_interface, "default");
    }
    if let Some(rbd) = &mut volume.rbd {
        set_rbd_defaults(rbd);
    }
    if let Some(downward) = &mut volume.downward_api {
        downward.default_mode.get_or_insert(FILE_MODE);
        set_downward_defaults(&mut downward.items);
    }
    if let Some(config_map) = &mut volume.config_map {
        config_map.default_mode.get_or_insert(FILE_MODE);
    }
    if let Some(disk) = &mut volume.azure_disk {
        set_azure_disk_defaults(disk);
    }
    if let Some(projected) = &mut volume.projected {
        set_projected_defaults(projected);
    }
    if let Some(scale_io) = &mut volume.scale_io {
        set_scale_io_defaults(scale_io);
    }
    if let Some(claim) = volume.ephemeral.as_mut().and_then(|e| e.volume_claim_template.as_mut()) {
        set_claim_spec_defaults(&mut claim.spec);
    }
}

/// Defaults of what is asked of a volume.
pub fn set_claim_spec_defaults(spec: &mut PersistentVolumeClaimSpec) {
    spec.volume_mode.get_or_insert_with(|| "Filesystem".into());
    round_up_list(&mut spec.resources.limits);
    round_up_list(&mut spec.resources.requests);
}

fn set_downward_defaults(files: &mut [DownwardAPIVolumeFile]) {
    for file in files {
        set_field_selector_defaults(file.field_ref.as_deref_mut());
    }
}

fn set_projected_defaults(projected: &mut ProjectedVolumeSource) {
    projected.default_mode.get_or_insert(FILE_MODE);
    for source in &mut projected.sources {
        if let Some(downward) = &mut source.downward_api {
            set_downward_defaults(&mut downward.items);
        }
        if let Some(token) = &mut source.service_account_token {
            token.expiration_seconds.get_or_insert(TOKEN_EXPIRATION_SECONDS);
        }
    }
}

fn set_rbd_defaults(rbd: &mut RBDVolumeSource) {
    set_text(&mut rbd.pool, "rbd");
    set_text(&mut rbd.user, "admin");
    set_text(&mut rbd.keyring, "/etc/ceph/keyring");
}

fn set_scale_io_defaults(scale_io: &mut ScaleIOVolumeSource) {
    set_text(&mut scale_io.storage_mode, "ThinProvisioned");
    set_text(&mut scale_io.fs_type, "xfs");
}

fn set_azure_disk_defaults(disk: &mut AzureDiskVolumeSource) {
    disk.caching_mode.get_or_insert_with(|| "ReadWrite".into());
    disk.fs_type.get_or_insert_with(|| "ext4".into());
    disk.read_only.get_or_insert(false);
    disk.kind.get_or_insert_with(|| "Shared".into());
}
