//! hostPath: a path of the node, checked or made by its type.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use crate::error::VolumeError;

/// Checks that the path is what the type says, making it first if the type says so.
///
/// # Errors
/// If it is not.
pub(crate) fn check(path: &Path, kind: &str) -> Result<(), VolumeError> {
    match kind {
        "" => return Ok(()),
        "DirectoryOrCreate" => make(path, || fs::create_dir_all(path))?,
        "FileOrCreate" => make(path, || {
            OpenOptions::new()
                .create(true)
                .append(true)
                .mode(0o644)
                .open(path)
                .map(drop)
        })?,
        _ => {}
    }
    let found = match fs::metadata(path) {
        Ok(metadata) => Some(metadata.file_type()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(VolumeError::system("stat", path, error)),
    };
    let (fits, what) = match kind {
        "DirectoryOrCreate" | "Directory" => (found.is_some_and(|it| it.is_dir()), "a directory"),
        "FileOrCreate" | "File" => (found.is_some_and(|it| it.is_file()), "a file"),
        "Socket" => (found.is_some_and(|it| it.is_socket()), "a socket file"),
        "CharDevice" => (found.is_some_and(|it| it.is_char_device()), "a character device"),
        "BlockDevice" => (found.is_some_and(|it| it.is_block_device()), "a block device"),
        other => return Err(VolumeError::Invalid(format!("{other} is an invalid volume type"))),
    };
    if fits {
        return Ok(());
    }
    Err(VolumeError::Invalid(format!(
        "hostPath type check failed: {} is not {what}",
        path.display()
    )))
}

fn make(path: &Path, create: impl FnOnce() -> io::Result<()>) -> Result<(), VolumeError> {
    if path.exists() {
        return Ok(());
    }
    create().map_err(|error| VolumeError::system("create", path, error))
}
