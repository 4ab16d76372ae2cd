//! The embedded store: one directory, one process, nothing to install.
//!
//! A write is durable in a write-ahead log ([`wal`]): a record, one sync. From time to time what it holds is brought into a
//! database, redb's copy-on-write B-tree in one file ([`checkpoint`]). After `kill -9` at any moment the database opens at its last
//! checkpoint and the log tells the rest, in milliseconds. One thread writes ([`writer`]), readers share the latest committed state
//! ([`snapshot`]: the database and what lies above it in memory) without locks, watches are fed by the writer and read the log when
//! they lag ([`hub`]).
//!
//! Upstream has no counterpart; this takes the place of etcd on a single server.

mod apply;
pub(crate) mod backup;
mod base;
mod checkpoint;
mod database;
mod expiry;
mod file;
mod hub;
mod layer;
mod schema;
mod snapshot;
#[cfg(test)]
mod tests;
mod wal;
mod writer;

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Sender};
use std::thread::JoinHandle;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};

use self::base::Base;
use self::database::Source;
use self::file::FileState;
use self::hub::Hub;
use self::layer::Frozen;
use self::schema::database_error;
use self::snapshot::Snapshot;
use self::wal::{Commit, FullGeneration, LOG_FILES, Recovered, Wal};
use self::writer::{Request, Writer};
use crate::{
    Capabilities, CompactionRound, CountResponse, Error, GetResponse, KeyRange, RangeOptions, RangeResponse, Result,
    Revision, Status, Storage, Transaction, TransactionResponse, Watch,
};

pub use self::backup::{RestoreOptions, restore};

/// The database's name in the store's directory.
const DATABASE_FILE: &str = "store.redb";
/// The name of the file whose lock says that a process has the store open.
const LOCK_FILE: &str = "LOCK";
/// Writes that wait for the writer thread; further callers wait for their turn.
const WRITES_IN_FLIGHT: usize = 4096;

/// Reads of much data under way at once, each on a thread of its own. More would not be faster: a server that starts
/// lists every resource, and sixty threads leave their traces in memory.
const READS_AT_ONCE: usize = 4;

/// How an embedded store is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EmbeddedOptions {
    /// Bytes of the database file kept in memory, besides the system's page cache. Default 16 MiB: the caches above
    /// answer most reads.
    pub cache_size: usize,
    /// The largest transaction, in bytes of keys and values. The default is etcd's: 1.5 MiB.
    pub max_request_size: usize,
    /// So many bytes are written to the write-ahead log, and held in memory, before they are brought into the database;
    /// while that is done up to twice as many follow, then writes wait. What a start after a crash reads is bounded by the
    /// same. Default 4 MiB.
    pub checkpoint_size: usize,
}

impl Default for EmbeddedOptions {
    fn default() -> Self {
        Self {
            cache_size: 16 << 20,
            max_request_size: 3 << 19,
            checkpoint_size: 4 << 20,
        }
    }
}

/// A store in a directory of its own.
pub struct Embedded {
    hub: Arc<Hub>,
    requests: Sender<Request>,
    in_flight: Semaphore,
    reads: Arc<Semaphore>,
    options: EmbeddedOptions,
    path: PathBuf,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Embedded {
    /// Opens the store in `directory`, creating both if they are not there. Blocks for some milliseconds.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process has it open, [`Error::Corrupt`] if the file is not one of this store, [`Error::Io`] if
    /// files cannot be created.
    pub fn open(directory: &Path, options: EmbeddedOptions) -> Result<Self> {
        Self::open_with(directory, options, FileState::default())
    }

    /// Whether `directory` holds a store.
    pub fn exists(directory: &Path) -> bool {
        directory.join(DATABASE_FILE).is_file()
    }

    fn open_with(directory: &Path, options: EmbeddedOptions, state: FileState) -> Result<Self> {
        create_directory(directory)?;
        let lock = lock(directory)?;
        let created = [DATABASE_FILE]
            .iter()
            .chain(&LOG_FILES)
            .any(|name| !directory.join(name).exists());
        let source = Source {
            path: directory.join(DATABASE_FILE),
            cache_size: options.cache_size,
            state,
        };
        let database = source.open()?;
        let base = Base::of(&database).map_err(database_error)?;
        let Recovered { wal, frozen, active } = Wal::open(directory, &base, source.state.clone())?;
        if created {
            sync_directory(directory)?;
        }
        let snapshot = replay(base, frozen, active)?;
        tracing::info!(
            path = %source.path.display(),
            revision = snapshot.revision,
            compact_revision = snapshot.compact_revision,
            replayed = snapshot.revision - snapshot.base.revision,
            "opened the embedded store"
        );
        let hub = Arc::new(Hub::new(snapshot));
        let (requests, receiver) = mpsc::channel();
        let path = directory.to_owned();
        let size = options.checkpoint_size;
        let writer = Writer::new(source, database, wal, Arc::clone(&hub), size, requests.clone())?;
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                // The lock goes with the thread: the directory is free when database and log are closed.
                let _lock = lock;
                writer.run(&receiver);
            })
            .map_err(Error::io("cannot start the store's writer thread"))?;
        let in_flight = Semaphore::new(WRITES_IN_FLIGHT);
        Ok(Self {
            hub,
            requests,
            in_flight,
            reads: Arc::new(Semaphore::new(READS_AT_ONCE)),
            options,
            path,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Sends a request to the writer and waits for its answer.
    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<Result<T>>) -> Request) -> Result<T> {
        let _permit = self.in_flight.acquire().await.map_err(|_| Error::Closed)?;
        let (reply, answer) = oneshot::channel();
        self.requests.send(request(reply)).map_err(|_| Error::Closed)?;
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Runs a read that may touch much data where blocking does no harm.
    async fn read<T: Send + 'static>(&self, read: impl FnOnce(&Snapshot) -> Result<T> + Send + 'static) -> Result<T> {
        // Goes along to the thread: a caller that has gone away leaves its read running.
        let turn = Arc::clone(&self.reads).acquire_owned().await;
        let turn = turn.map_err(|_| Error::Closed)?;
        let snapshot = self.state()?;
        let read = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            read(&snapshot)
        });
        read.await.map_err(|error| Error::Unavailable(error.to_string()))?
    }

    fn state(&self) -> Result<Arc<Snapshot>> {
        if self.in_flight.is_closed() {
            Err(Error::Closed)
        } else {
            Ok(self.hub.snapshot())
        }
    }

    /// Tells the writer to finish; returns its thread to the first caller.
    fn begin_close(&self) -> Option<JoinHandle<()>> {
        self.in_flight.close();
        // The thread may have ended by itself, then there is nobody to tell.
        drop(self.requests.send(Request::Close));
        self.thread.lock().take()
    }
}

#[async_trait]
impl Storage for Embedded {
    async fn get(&self, key: &[u8], revision: Option<Revision>) -> Result<GetResponse> {
        self.state()?.get(key, revision)
    }

    async fn range(&self, range: &KeyRange, options: RangeOptions) -> Result<RangeResponse> {
        let range = range.clone();
        self.read(move |snapshot| snapshot.range(&range, options)).await
    }

    async fn count(&self, range: &KeyRange, revision: Option<Revision>) -> Result<CountResponse> {
        let range = range.clone();
        self.read(move |snapshot| snapshot.count(&range, revision)).await
    }

    async fn transaction(&self, transaction: Transaction) -> Result<TransactionResponse> {
        transaction.validate()?;
        if transaction.size() > self.options.max_request_size {
            return Err(Error::TooLarge {
                limit: Some(self.options.max_request_size),
            });
        }
        self.ask(|reply| Request::Transaction { transaction, reply }).await
    }

    async fn watch(&self, range: KeyRange, from: Option<Revision>) -> Result<Watch> {
        self.hub.watch(range, from)
    }

    async fn current_revision(&self) -> Result<Revision> {
        Ok(self.state()?.revision)
    }

    fn compact_revision(&self) -> Revision {
        self.hub.snapshot().compact_revision
    }

    async fn compact(&self, revision: Revision) -> Result<()> {
        self.ask(|reply| Request::Compact { revision, reply }).await
    }

    async fn compaction_round(&self, last: CompactionRound) -> Result<CompactionRound> {
        let revision = self.current_revision().await?;
        let known = self.compact_revision();
        if last.revision > known {
            self.compact(last.revision).await?;
        }
        let compacted = Some(self.compact_revision()).filter(|revision| *revision != 0);
        Ok(CompactionRound {
            logical_time: last.logical_time + 1,
            revision,
            compacted,
        })
    }

    fn capabilities(&self) -> Capabilities {
        Capabilities {
            reliable_progress: true,
            local: true,
        }
    }

    async fn status(&self) -> Result<Status> {
        let snapshot = self.state()?;
        let mut size = 0;
        for name in [DATABASE_FILE].iter().chain(&LOG_FILES) {
            let path = self.path.join(name);
            let metadata = tokio::fs::metadata(&path).await;
            size += metadata
                .map_err(Error::io(format!("cannot stat {}", path.display())))?
                .len();
        }
        Ok(Status {
            backend: "embedded".to_owned(),
            size,
            size_in_use: None,
            revision: snapshot.revision,
            compact_revision: snapshot.compact_revision,
        })
    }

    async fn health(&self) -> Result<()> {
        // An empty transaction commits nothing, but it is answered by the writer, with its failure if it has one.
        self.ask(|reply| Request::Transaction {
            transaction: Transaction::default(),
            reply,
        })
        .await
        .map(drop)
    }

    async fn snapshot(&self, file: &Path) -> Result<Option<Revision>> {
        let file = file.to_owned();
        let copy = move |snapshot: &Snapshot| {
            backup::write_snapshot(snapshot, &file)?;
            Ok(Some(snapshot.revision))
        };
        self.read(copy).await
    }

    async fn close(&self) {
        if let Some(thread) = self.begin_close() {
            let joined = tokio::task::spawn_blocking(move || thread.join()).await;
            if !matches!(joined, Ok(Ok(()))) {
                tracing::error!("the store's writer thread panicked");
            }
        }
    }
}

impl Drop for Embedded {
    fn drop(&mut self) {
        if let Some(thread) = self.begin_close() {
            // At most one commit and a checkpoint are waited for. A panic of the thread was reported when it happened.
            drop(thread.join());
        }
    }
}

impl fmt::Debug for Embedded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedded")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

/// The state of a database and of the log above it.
fn replay(base: Base, frozen: Option<FullGeneration>, active: Vec<Commit>) -> Result<Snapshot> {
    let mut snapshot = Snapshot::of(base);
    if let Some(full) = frozen {
        snapshot.replay(full.commits)?;
        snapshot.frozen = Some(Arc::new(Frozen {
            layer: std::mem::take(&mut snapshot.active),
            compact_revision: snapshot.compact_revision,
            next_generation: full.next_generation,
            next_sequence: full.next_sequence,
        }));
    }
    snapshot.replay(active)?;
    Ok(snapshot)
}

/// Makes the names of new files durable.
fn sync_directory(directory: &Path) -> Result<()> {
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(Error::io(format!("cannot sync {}", directory.display())))
}

/// What the decoder of the write-ahead log makes of a payload, encoded again. For the fuzz target.
///
/// # Errors
/// [`Error::Corrupt`] for what no commit writes.
#[doc(hidden)]
pub fn transcode_log_payload(payload: &[u8]) -> Result<Vec<u8>> {
    wal::transcode(payload)
}

/// Creates the store's directory for its owner alone; one that exists is taken as it is, with a warning if others can enter.
fn create_directory(directory: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(Error::io(format!("cannot create {}", directory.display())))?;
    let metadata = std::fs::metadata(directory).map_err(Error::io(format!("cannot stat {}", directory.display())))?;
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(directory = %directory.display(), "the store's directory is accessible to other users");
    }
    Ok(())
}

/// Takes the directory for this store.
fn lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK_FILE);
    let failed = || format!("cannot lock {}", path.display());
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(Error::io(failed()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Error::Locked { path }),
        Err(TryLockError::Error(error)) => Err(Error::io(failed())(error)),
    }
}
