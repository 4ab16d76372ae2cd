//! emptyDir: a directory of the pod's own, on disk or in memory.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use k8s_api::Map;
use k8s_api::core::v1::{EmptyDirVolumeSource, Pod};
use k8s_api::primitives::Quantity;
use kubelet_types::resources::{Side, pod_amount};

use crate::error::VolumeError;
use crate::mounter::Mounter;

/// Makes the directory. One that is there already is left as it is.
pub(crate) fn set_up(
    mounter: &dyn Mounter,
    target: &Path,
    source: &EmptyDirVolumeSource,
    size: Option<u64>,
) -> Result<(), VolumeError> {
    let present = target.is_dir();
    fs::create_dir_all(target).map_err(|error| VolumeError::system("mkdir", target, error))?;
    match source.medium.as_str() {
        "" => {
            if present {
                return Ok(());
            }
        }
        "Memory" => {
            if is_mounted(mounter, target)? {
                return Ok(());
            }
            mounter
                .mount_tmpfs(target, size)
                .map_err(|error| VolumeError::system("mount tmpfs", target, error))?;
        }
        other => return Err(VolumeError::Invalid(format!("unknown storage medium {other:?}"))),
    }
    fs::set_permissions(target, Permissions::from_mode(0o777))
        .map_err(|error| VolumeError::system("chmod", target, error))
}

/// Whether something is mounted on exactly this directory.
pub(crate) fn is_mounted(mounter: &dyn Mounter, target: &Path) -> Result<bool, VolumeError> {
    let mounts = mounter
        .mounts_below(target)
        .map_err(|error| VolumeError::system("read mounts of", target, error))?;
    let real = fs::canonicalize(target).unwrap_or_else(|_| target.to_owned());
    Ok(mounts.iter().any(|path| *path == real || path == target))
}

/// The size of an emptyDir in memory: its own limit, the pod's memory limit, or the node's memory, whichever is least.
pub(crate) fn memory_size(pod: &Pod, source: &EmptyDirVolumeSource, allocatable: &Map<Quantity>) -> Option<u64> {
    let all_limited = kubelet_types::container::all(pod).all(|(_, it)| it.resources.limits.contains_key("memory"));
    let of_pod = pod_amount(pod, Side::Limits, "memory").filter(|_| all_limited || pod.spec.resources.is_some());
    let own = source.size_limit.as_ref().map(Quantity::value);
    let node = allocatable.get("memory").map(Quantity::value);
    let amounts = [own, of_pod.map(|it| it.value()), node];
    let least = amounts.into_iter().flatten().filter(|amount| *amount > 0).min()?;
    u64::try_from(least).ok()
}
