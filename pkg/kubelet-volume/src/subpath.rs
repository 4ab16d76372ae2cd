//! The part of a volume that a container sees.
//!
//! A container that can write to a volume may put symbolic links into it at any moment. Therefore the part is opened by the
//! kernel's own look-up that refuses to leave the volume (`openat2` with `RESOLVE_BENEATH`), and what is mounted is the open
//! file, not a path. Upstream counterpart: `k8s.io/mount-utils/subpath`.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, ResolveFlag, openat2};
use nix::sys::stat::{Mode, mkdirat};

use crate::error::VolumeError;
use crate::mounter::Mounter;
use crate::paths::PodPaths;

/// Which part of which volume, and for which mount of which container.
#[derive(Clone, Debug)]
pub struct SubPath<'a> {
    /// The volume's directory.
    pub volume: &'a Path,
    /// The part.
    pub path: &'a str,
    /// The volume's name.
    pub volume_name: &'a str,
    /// The container's name.
    pub container: &'a str,
    /// The place of the mount in the container's list.
    pub index: usize,
}

/// Refuses parts that are absolute or go back.
///
/// # Errors
/// If so, in the words of the API.
pub fn validate(path: &str) -> Result<(), VolumeError> {
    if path.starts_with('/') {
        return Err(VolumeError::Invalid(format!(
            "error SubPath `{path}` must not be an absolute path"
        )));
    }
    if Path::new(path).components().any(|part| part == Component::ParentDir) {
        return Err(VolumeError::Invalid(format!(
            "unable to provision SubPath `{path}`: must not contain '..'"
        )));
    }
    Ok(())
}

/// Makes the part if it is not there (directories, with the volume's own mode), and mounts it at a path of the kubelet's own,
/// which is returned. A part that is mounted there already stays, unless it became another file.
///
/// # Errors
/// If the part lies outside the volume, or a system call fails.
pub fn prepare(mounter: &dyn Mounter, paths: &PodPaths, part: &SubPath<'_>) -> Result<PathBuf, VolumeError> {
    validate(part.path)?;
    let failed = |error: io::Error| VolumeError::system("open sub-path", &part.volume.join(part.path), error);
    let opened = open_or_make(part.volume, Path::new(part.path)).map_err(failed)?;
    let proc_path = PathBuf::from(format!("/proc/self/fd/{}", opened.as_raw_fd()));
    let wanted = fs::metadata(&proc_path).map_err(failed)?;

    let target = paths
        .subpaths()
        .join(part.volume_name)
        .join(part.container)
        .join(part.index.to_string());
    let failed = |error: io::Error| VolumeError::system("prepare sub-path", &target, error);
    if crate::empty_dir::is_mounted(mounter, &target)? {
        let present = fs::metadata(&target).map_err(failed)?;
        if (present.dev(), present.ino()) == (wanted.dev(), wanted.ino()) {
            return Ok(target);
        }
        mounter.unmount(&target).map_err(failed)?;
    }
    make_target(&target, wanted.is_dir()).map_err(failed)?;
    let source = PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), opened.as_raw_fd()));
    mounter.bind(&source, &target, false).map_err(failed)?;
    Ok(target)
}

/// Opens the part without leaving the volume, making directories that are missing.
fn open_or_make(volume: &Path, path: &Path) -> io::Result<OwnedFd> {
    let root = File::options()
        .read(true)
        .custom_flags(OFlag::O_DIRECTORY.bits())
        .open(volume)?;
    match open_beneath(&root, path) {
        Err(Errno::ENOENT) => {}
        other => return Ok(other?),
    }
    let mode = root.metadata()?.mode() & 0o7777;
    let mut below = PathBuf::new();
    for part in path.components() {
        let Component::Normal(name) = part else { continue };
        let parent = if below.as_os_str().is_empty() {
            root.try_clone()?.into()
        } else {
            open_beneath(&root, &below)?
        };
        below.push(name);
        match mkdirat(&parent, name, Mode::from_bits_truncate(mode & 0o777)) {
            Ok(()) => {
                // What was made just now is opened without following anything, and is given the volume's mode whatever the umask.
                let how = OpenHow::new()
                    .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC)
                    .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
                let made = File::from(openat2(&parent, name, how)?);
                made.set_permissions(Permissions::from_mode(mode))?;
            }
            Err(Errno::EEXIST) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(open_beneath(&root, path)?)
}

fn open_beneath(root: impl std::os::fd::AsFd, path: &Path) -> nix::Result<OwnedFd> {
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    let how = OpenHow::new()
        .flags(OFlag::O_PATH | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    // The kernel asks to try again when something above was renamed meanwhile.
    for _ in 0..128 {
        match openat2(&root, path, how) {
            Err(Errno::EAGAIN) => {}
            other => return other,
        }
    }
    Err(Errno::EAGAIN)
}

/// Makes what the part is mounted on: a directory or an empty file.
fn make_target(target: &Path, directory: bool) -> io::Result<()> {
    if directory {
        if target.is_file() {
            fs::remove_file(target)?;
        }
        return fs::create_dir_all(target);
    }
    if target.is_dir() {
        fs::remove_dir(target)?;
    }
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent)?;
    }
    File::options()
        .create(true)
        .append(true)
        .mode(0o640)
        .open(target)
        .map(drop)
}
