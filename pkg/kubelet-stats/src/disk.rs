//! File systems and directories.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::sys::statvfs::statvfs;

/// A file system as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSystem {
    /// Its size in bytes.
    pub capacity: u64,
    /// Bytes that are free for everybody.
    pub available: u64,
    /// Bytes in use.
    pub used: u64,
    /// Inodes in all.
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Which device.
    pub device: u64,
}

impl FileSystem {
    /// The file system that a path lies on.
    ///
    /// # Errors
    /// The system's.
    pub fn of(path: &Path) -> io::Result<Self> {
        let stat = statvfs(path)?;
        let unit = stat.fragment_size();
        Ok(Self {
            capacity: stat.blocks() * unit,
            available: stat.blocks_available() * unit,
            used: (stat.blocks() - stat.blocks_free()) * unit,
            inodes: stat.files(),
            inodes_free: stat.files_free(),
            device: fs::metadata(path)?.dev(),
        })
    }
}

/// The bytes on disk and the inodes of a directory, without other file systems mounted below it. What disappears meanwhile
/// is left out; hard links count once each.
#[must_use]
pub fn directory_usage(path: &Path) -> (u64, u64) {
    let Ok(top) = fs::symlink_metadata(path) else {
        return (0, 0);
    };
    let (mut bytes, mut inodes) = (top.blocks() * 512, 1);
    if !top.is_dir() {
        return (bytes, inodes);
    }
    let mut waiting = vec![path.to_owned()];
    while let Some(directory) = waiting.pop() {
        let Ok(entries) = fs::read_dir(&directory) else {
            continue;
        };
        for entry in entries.flatten() {
            let Ok(metadata) = entry.metadata() else { continue };
            if metadata.dev() != top.dev() {
                continue;
            }
            bytes += metadata.blocks() * 512;
            inodes += 1;
            if metadata.is_dir() {
                waiting.push(entry.path());
            }
        }
    }
    (bytes, inodes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_added_up() {
        let directory = tempfile::tempdir().expect("a directory");
        let empty = directory_usage(directory.path());
        assert_eq!(empty.1, 1);
        fs::create_dir(directory.path().join("a")).expect("made");
        fs::write(directory.path().join("a/b"), vec![1; 10_000]).expect("written");
        let (bytes, inodes) = directory_usage(directory.path());
        assert_eq!(inodes, 3);
        assert!(bytes >= empty.0 + 8192, "{bytes}");
        assert_eq!(directory_usage(Path::new("/nonexistent")), (0, 0));
        let whole = FileSystem::of(directory.path()).expect("a file system");
        assert!(whole.capacity >= whole.used && whole.device > 0);
    }
}
