//! Gives the files of a volume to the pod's group.

use std::fs::{self, Metadata, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, lchown};
use std::path::Path;

use k8s_api::core::v1::Pod;

use crate::error::VolumeError;

const READ_WRITE: u32 = 0o660;
const READ_ONLY: u32 = 0o440;
const EXECUTE: u32 = 0o110;
const SET_GROUP: u32 = 0o2000;

/// The pod's group and when it is applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FsGroup {
    pub(crate) group: u32,
    pub(crate) on_root_mismatch: bool,
}

/// The group that the volumes of a pod belong to.
pub(crate) fn fs_group(pod: &Pod) -> Option<FsGroup> {
    let context = pod.spec.security_context.as_deref()?;
    Some(FsGroup {
        group: u32::try_from(context.fs_group?).ok()?,
        on_root_mismatch: context.fs_group_change_policy.as_deref() == Some("OnRootMismatch"),
    })
}

/// The user that all containers of a pod run as, if they all run as the same.
pub(crate) fn common_user(pod: &Pod) -> Option<u32> {
    let of_pod = pod
        .spec
        .security_context
        .as_deref()
        .and_then(|context| context.run_as_user);
    let mut users = kubelet_types::container::all(pod).map(|(_, container)| {
        let own = container
            .security_context
            .as_deref()
            .and_then(|context| context.run_as_user);
        own.or(of_pod)
    });
    let first = users.next()??;
    if users.all(|user| user == Some(first)) {
        u32::try_from(first).ok()
    } else {
        None
    }
}

/// Gives a volume to the group.
///
/// # Errors
/// If an owner or mode cannot be changed.
pub(crate) fn set_ownership(root: &Path, group: Option<FsGroup>, read_only: bool) -> Result<(), VolumeError> {
    let Some(group) = group else { return Ok(()) };
    let metadata = fs::symlink_metadata(root).map_err(|error| VolumeError::system("stat", root, error))?;
    if group.on_root_mismatch && matches(&metadata, group.group, read_only) {
        return Ok(());
    }
    apply(root, &metadata, group.group, read_only)
}

/// Whether the root of a volume looks as if the volume had been given to the group.
fn matches(metadata: &Metadata, group: u32, read_only: bool) -> bool {
    let wanted = if read_only { READ_ONLY } else { READ_WRITE } | EXECUTE | SET_GROUP;
    metadata.gid() == group && metadata.mode() & wanted == wanted
}

/// Children first, so that an interrupted change shows at the root.
fn apply(path: &Path, metadata: &Metadata, group: u32, read_only: bool) -> Result<(), VolumeError> {
    let kind = metadata.file_type();
    if kind.is_dir() {
        let failed = |error| VolumeError::system("read directory", path, error);
        for entry in fs::read_dir(path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let child = entry.path();
            let metadata = entry
                .metadata()
                .map_err(|error| VolumeError::system("stat", &child, error))?;
            apply(&child, &metadata, group, read_only)?;
        }
    }
    lchown(path, None, Some(group)).map_err(|error| VolumeError::system("chown", path, error))?;
    if kind.is_symlink() {
        return Ok(());
    }
    let mut mask = if read_only { READ_ONLY } else { READ_WRITE };
    if kind.is_dir() {
        mask |= SET_GROUP | EXECUTE;
    }
    let permissions = Permissions::from_mode(metadata.mode() & 0o7777 | mask);
    fs::set_permissions(path, permissions).map_err(|error| VolumeError::system("chmod", path, error))
}
