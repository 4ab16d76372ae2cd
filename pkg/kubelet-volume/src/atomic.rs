//! The contents of a volume, changed all at once.
//!
//! Files lie in a directory of their own (`..<time>.<random>`); the link `..data` names the present one, and every top-level
//! name of the contents is a link into `..data`. A reader that opened a file keeps the old contents, a reader that opens one
//! gets all of the new or all of the old. Upstream counterpart: `pkg/volume/util.AtomicWriter`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, chown, symlink};
use std::path::{Component, Path, PathBuf};

use crate::error::VolumeError;

const DATA: &str = "..data";
const NEW_DATA: &str = "..data_tmp";
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4096;

/// One file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileProjection {
    /// Its bytes.
    pub data: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
    /// Who owns it, if not root.
    pub user: Option<u32>,
}

/// Files by their path below the volume.
pub type Payload = BTreeMap<String, FileProjection>;

/// Brings the volume at `target` to these contents; does nothing if they are there already. `prepare` is called with the
/// new directory before it can be seen. Returns whether anything changed.
///
/// # Errors
/// If a path leaves the volume, or a system call fails; the old contents stay visible then.
pub fn write(
    target: &Path,
    payload: &Payload,
    prepare: impl Fn(&Path) -> Result<(), VolumeError>,
) -> Result<bool, VolumeError> {
    for path in payload.keys() {
        validate_path(path)?;
    }
    let old = match fs::read_link(target.join(DATA)) {
        Ok(old) => Some(old),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(VolumeError::system("read link", &target.join(DATA), error)),
    };
    let links = top_level_names(payload);
    if let Some(old) = &old
        && same_contents(&target.join(old), payload)
    {
        // An earlier writer may have been stopped between the swap and the links.
        create_links(target, &links)?;
        remove_stale_links(target, &links)?;
        return Ok(false);
    }
    let directory = new_directory(target)?;
    let filled = write_files(&directory, payload)
        .and_then(|()| prepare(&directory))
        .and_then(|()| swap(target, &directory));
    if let Err(error) = filled {
        if let Err(error) = fs::remove_dir_all(&directory) {
            tracing::warn!(%error, path = %directory.display(), "contents that were never seen stay behind");
        }
        return Err(error);
    }
    create_links(target, &links)?;
    remove_stale_links(target, &links)?;
    if let Some(old) = old {
        let old = target.join(old);
        fs::remove_dir_all(&old).map_err(|error| VolumeError::system("remove", &old, error))?;
    }
    Ok(true)
}

/// Refuses paths that are absolute, too long, or leave the volume.
fn validate_path(path: &str) -> Result<(), VolumeError> {
    let invalid = |why: &str| Err(VolumeError::Invalid(format!("invalid path: {why}: {path}")));
    if path.is_empty() {
        return invalid("must not be empty");
    }
    if path.starts_with('/') {
        return invalid("must be relative path");
    }
    if path.len() > MAX_PATH {
        return invalid(&format!("must be less than or equal to {MAX_PATH} characters"));
    }
    for (index, part) in Path::new(path).components().enumerate() {
        let Component::Normal(name) = part else {
            return invalid("must not contain '..'");
        };
        if name.len() > MAX_NAME {
            return invalid(&format!("filename must be less than or equal to {MAX_NAME} characters"));
        }
        if index == 0 && name.as_encoded_bytes().starts_with(b"..") {
            return invalid("must not start with '..'");
        }
    }
    Ok(())
}

fn top_level_names(payload: &Payload) -> BTreeSet<String> {
    let top = |path: &String| {
        path.split('/')
            .find(|part| !part.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    payload.keys().map(top).collect()
}

/// Whether a directory holds exactly these files with these bytes, modes and owners.
fn same_contents(directory: &Path, payload: &Payload) -> bool {
    use std::os::unix::fs::MetadataExt;
    let mut present = Vec::new();
    if list_files(directory, Path::new(""), &mut present).is_err() || present.len() != payload.len() {
        return false;
    }
    payload.iter().all(|(path, file)| {
        let path = directory.join(path);
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            return false;
        };
        // Group bits may have been added for the pod's group; the owner's are as they were written.
        metadata.is_file()
            && metadata.mode() & 0o700 == file.mode & 0o700
            && metadata.mode() & 0o777 & !0o070 == file.mode & 0o777 & !0o070
            && file.user.is_none_or(|user| user == metadata.uid())
            && fs::read(&path).is_ok_and(|data| data == file.data)
    })
}

fn list_files(root: &Path, below: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            list_files(root, &path, found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

/// A new directory named after the present time.
fn new_directory(target: &Path) -> Result<PathBuf, VolumeError> {
    loop {
        let stamp = jiff::Timestamp::now().strftime("%Y_%m_%d_%H_%M_%S").to_string();
        let path = target.join(format!("..{stamp}.{}", rand::random::<u32>()));
        match fs::create_dir(&path) {
            Ok(()) => {
                let permissions = fs::set_permissions(&path, Permissions::from_mode(0o755));
                permissions.map_err(|error| VolumeError::system("chmod", &path, error))?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(VolumeError::system("mkdir", &path, error)),
        }
    }
}

fn write_files(directory: &Path, payload: &Payload) -> Result<(), VolumeError> {
    for (name, file) in payload {
        let path = directory.join(name);
        let write = || -> io::Result<()> {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut handle = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(file.mode)
                .open(&path)?;
            handle.write_all(&file.data)?;
            handle.set_permissions(Permissions::from_mode(file.mode))?;
            if let Some(user) = file.user {
                chown(&path, Some(user), None)?;
            }
            Ok(())
        };
        write().map_err(|error| VolumeError::system("write", &path, error))?;
    }
    Ok(())
}

/// Makes `..data` name the new directory, in one step.
fn swap(target: &Path, directory: &Path) -> Result<(), VolumeError> {
    let name = directory.file_name().expect("the new directory lies below the volume");
    let new = target.join(NEW_DATA);
    let made = match symlink(name, &new) {
        // Left by a writer that was stopped.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&new).and_then(|()| symlink(name, &new))
        }
        other => other,
    };
    made.map_err(|error| VolumeError::system("symlink", &new, error))?;
    fs::rename(&new, target.join(DATA)).map_err(|error| VolumeError::system("rename", &new, error))
}

fn create_links(target: &Path, names: &BTreeSet<String>) -> Result<(), VolumeError> {
    for name in names {
        let link = target.join(name);
        match fs::symlink_metadata(&link) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let made = symlink(Path::new(DATA).join(name), &link);
                made.map_err(|error| VolumeError::system("symlink", &link, error))?;
            }
            Err(error) => return Err(VolumeError::system("stat", &link, error)),
        }
    }
    Ok(())
}

/// Removes links into `..data` whose names the contents no longer have.
fn remove_stale_links(target: &Path, names: &BTreeSet<String>) -> Result<(), VolumeError> {
    let failed = |error| VolumeError::system("read directory", target, error);
    for entry in fs::read_dir(target).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b"..") || name.to_str().is_some_and(|name| names.contains(name)) {
            continue;
        }
        let path = entry.path();
        let ours = fs::read_link(&path).is_ok_and(|link| link.starts_with(DATA));
        if ours {
            fs::remove_file(&path).map_err(|error| VolumeError::system("remove", &path, error))?;
        }
    }
    Ok(())
}
