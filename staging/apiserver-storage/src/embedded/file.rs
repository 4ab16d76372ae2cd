//! The store's files: what outlives one opening of them, and the database file as redb sees it.
//!
//! The latter is redb's own file backend without its lock (the store's directory has one that outlives a reopening), with one addition:
//! it remembers a failed sync. After one the kernel may hold pages that the disk does not and call them clean, so that nothing written since can be
//! trusted to survive; the store then takes no more writes.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use redb::StorageBackend;

/// What tests put between the store and its file: it may fail an operation.
#[cfg(test)]
pub(super) type Fault = Arc<dyn Fn(Operation) -> io::Result<()> + Send + Sync>;

/// The operations that a test can make fail.
#[cfg(test)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Read,
    Write,
    Sync,
    LogWrite,
    LogSync,
}

/// What outlives one opening of the file.
#[derive(Clone, Default)]
pub(super) struct FileState {
    pub(super) sync_failed: Arc<AtomicBool>,
    #[cfg(test)]
    pub(super) fault: Option<Fault>,
}

impl FileState {
    /// Whether a sync has failed since the process started.
    pub(super) fn sync_failed(&self) -> bool {
        self.sync_failed.load(Ordering::Acquire)
    }

    /// Remembers that a sync has failed.
    pub(super) fn set_sync_failed(&self) {
        self.sync_failed.store(true, Ordering::Release);
    }

    #[cfg(test)]
    pub(super) fn check(&self, operation: Operation) -> io::Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| fault(operation))
    }
}

/// Opens or creates a file that only its owner can read.
pub(super) fn open_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

/// The database file.
pub(super) struct StoreFile {
    file: File,
    state: FileState,
}

impl StoreFile {
    /// Opens or creates the file, readable by its owner alone.
    pub(super) fn open(path: &Path, state: FileState) -> io::Result<Self> {
        let file = open_private(path)?;
        Ok(Self { file, state })
    }
}

impl std::fmt::Debug for StoreFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreFile")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl StorageBackend for StoreFile {
    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        #[cfg(test)]
        self.state.check(Operation::Read)?;
        self.file.read_exact_at(out, offset)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        #[cfg(test)]
        self.state.check(Operation::Write)?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        #[cfg(test)]
        if let Err(error) = self.state.check(Operation::Sync) {
            self.state.set_sync_failed();
            return Err(error);
        }
        self.file.sync_data().inspect_err(|_| self.state.set_sync_failed())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        #[cfg(test)]
        self.state.check(Operation::Write)?;
        self.file.write_all_at(data, offset)
    }
}
