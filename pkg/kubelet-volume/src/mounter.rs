//! Mounts: the system calls, and a double that records them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use parking_lot::Mutex;

/// Makes and removes mounts.
pub trait Mounter: Send + Sync {
    /// Mounts a file system in memory, `size` bytes at most.
    ///
    /// # Errors
    /// The system's.
    fn mount_tmpfs(&self, target: &Path, size: Option<u64>) -> io::Result<()>;

    /// Makes `source` appear at `target`.
    ///
    /// # Errors
    /// The system's.
    fn bind(&self, source: &Path, target: &Path, read_only: bool) -> io::Result<()>;

    /// Removes the mount at `target`; a symbolic link is not followed.
    ///
    /// # Errors
    /// The system's, `EBUSY` while something uses it.
    fn unmount(&self, target: &Path) -> io::Result<()>;

    /// The mount points at and below `directory`, deepest and latest first.
    ///
    /// # Errors
    /// If the mount table cannot be read.
    fn mounts_below(&self, directory: &Path) -> io::Result<Vec<PathBuf>>;
}

/// The system's mounts, of this process's namespace.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemMounter;

impl Mounter for SystemMounter {
    fn mount_tmpfs(&self, target: &Path, size: Option<u64>) -> io::Result<()> {
        let options = size.map(|size| format!("size={size}"));
        mount(
            Some("tmpfs"),
            target,
            Some("tmpfs"),
            MsFlags::empty(),
            options.as_deref(),
        )?;
        Ok(())
    }

    fn bind(&self, source: &Path, target: &Path, read_only: bool) -> io::Result<()> {
        const NONE: Option<&str> = None;
        mount(Some(source), target, NONE, MsFlags::MS_BIND | MsFlags::MS_REC, NONE)?;
        if read_only {
            let flags = MsFlags::MS_BIND | MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
            mount(NONE, target, NONE, flags, NONE)?;
        }
        Ok(())
    }

    fn unmount(&self, target: &Path) -> io::Result<()> {
        umount2(target, MntFlags::UMOUNT_NOFOLLOW)?;
        Ok(())
    }

    fn mounts_below(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        // The table shows real paths, so that a directory reached by a link has to be looked up first.
        let directory = match fs::canonicalize(directory) {
            Ok(directory) => directory,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let table = fs::read_to_string("/proc/self/mountinfo")?;
        let mut found: Vec<PathBuf> = table
            .lines()
            .filter_map(|line| line.split(' ').nth(4))
            .map(unescape)
            .filter(|path| path.starts_with(&directory))
            .collect();
        found.reverse();
        // A stable sort by depth keeps the latest of several mounts on one point first.
        found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        Ok(found)
    }
}

/// The mount table writes blanks and backslashes in octal.
fn unescape(text: &str) -> PathBuf {
    use std::os::unix::ffi::OsStringExt;
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let octal = text.get(at + 1..at + 4).filter(|_| bytes[at] == b'\\');
        if let Some(byte) = octal.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            plain.push(byte);
            at += 4;
        } else {
            plain.push(bytes[at]);
            at += 1;
        }
    }
    std::ffi::OsString::from_vec(plain).into()
}

/// A call of a [`RecordingMounter`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MountCall {
    /// A file system in memory, with its size.
    Tmpfs(PathBuf, Option<u64>),
    /// From, to, read-only.
    Bind(PathBuf, PathBuf, bool),
    /// Gone.
    Unmount(PathBuf),
}

/// Mounts that exist only in a list.
#[derive(Debug, Default)]
pub struct RecordingMounter {
    calls: Mutex<Vec<MountCall>>,
    mounted: Mutex<Vec<PathBuf>>,
}

impl RecordingMounter {
    /// All calls so far.
    pub fn calls(&self) -> Vec<MountCall> {
        self.calls.lock().clone()
    }

    /// What is mounted now.
    pub fn mounted(&self) -> Vec<PathBuf> {
        self.mounted.lock().clone()
    }

    fn record(&self, call: MountCall, target: &Path) {
        self.calls.lock().push(call);
        self.mounted.lock().push(target.to_owned());
    }
}

impl Mounter for RecordingMounter {
    fn mount_tmpfs(&self, target: &Path, size: Option<u64>) -> io::Result<()> {
        self.record(MountCall::Tmpfs(target.to_owned(), size), target);
        Ok(())
    }

    fn bind(&self, source: &Path, target: &Path, read_only: bool) -> io::Result<()> {
        self.record(MountCall::Bind(source.to_owned(), target.to_owned(), read_only), target);
        Ok(())
    }

    fn unmount(&self, target: &Path) -> io::Result<()> {
        self.calls.lock().push(MountCall::Unmount(target.to_owned()));
        let mut mounted = self.mounted.lock();
        let at = mounted.iter().rposition(|path| path == target);
        mounted.remove(at.ok_or_else(|| io::Error::from_raw_os_error(22))?);
        Ok(())
    }

    fn mounts_below(&self, directory: &Path) -> io::Result<Vec<PathBuf>> {
        let mounted = self.mounted.lock();
        let mut found: Vec<_> = mounted
            .iter()
            .filter(|path| path.starts_with(directory))
            .cloned()
            .collect();
        found.reverse();
        found.sort_by_key(|path| std::cmp::Reverse(path.components().count()));
        Ok(found)
    }
}
