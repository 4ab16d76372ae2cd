//! `CSIDriver`: what the cluster needs to know of a CSI driver.

mod validation;

use k8s_api::storage::v1::CSIDriver;

pub use validation::{validate, validate_update};

/// Fills in everything a driver does not say about itself.
pub fn set_defaults(driver: &mut CSIDriver) {
    let spec = &mut driver.spec;
    spec.attach_required.get_or_insert(true);
    spec.pod_info_on_mount.get_or_insert(false);
    spec.storage_capacity.get_or_insert(false);
    spec.fs_group_policy
        .get_or_insert_with(|| "ReadWriteOnceWithFSType".into());
    if spec.volume_lifecycle_modes.is_empty() {
        spec.volume_lifecycle_modes.push("Persistent".into());
    }
    spec.requires_republish.get_or_insert(false);
    spec.se_linux_mount.get_or_insert(false);
}
