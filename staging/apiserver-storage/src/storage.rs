//! The [`Storage`] trait: what the watch cache and the registry need of a store, and nothing more.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    CountResponse, DeleteResponse, GetResponse, KeyRange, Operation, Precondition, RangeOptions, RangeResponse, Result,
    Revision, Transaction, TransactionResponse, Watch,
};

/// What a backend can and cannot do. It may change while the server runs (an etcd member is upgraded): ask again rather
/// than remember.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// Progress notifications never run ahead of events. Where this is false (etcd before 3.4.31, and 3.5 before 3.5.13), a
    /// consistent read is not answered from a cache by waiting for progress; read the store itself instead.
    pub reliable_progress: bool,
    /// Reads of the current revision are local and cost next to nothing.
    pub local: bool,
}

/// How a store is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// The backend and its version, for logs and metrics: `embedded`, `etcd 3.4.23`.
    pub backend: String,
    /// Bytes taken on disk.
    pub size: u64,
    /// Bytes of those that hold data, where the backend can tell cheaply; the rest is reused for later writes.
    pub size_in_use: Option<u64>,
    /// The current revision.
    pub revision: Revision,
    /// The oldest revision that can be read, as far as this process knows; 0 before the first compaction.
    pub compact_revision: Revision,
}

/// The state that periodic compaction carries from one round to the next. Start with the default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionRound {
    /// The logical time of the last round, by which the servers of one etcd agree whose turn it is.
    pub logical_time: i64,
    /// The revision at the time of the last round: the one that the next round compacts to.
    pub revision: Revision,
    /// The revision that the store is known to be compacted to after this round, by whomever.
    pub compacted: Option<Revision>,
}

/// A revisioned key space. The crate's documentation states the guarantees.
///
/// All methods are cancel safe in that dropping the future leaks nothing; a write that was dropped may still happen.
#[async_trait]
pub trait Storage: Send + Sync + fmt::Debug + 'static {
    /// Reads one key, at `revision` or now.
    ///
    /// # Errors
    /// [`Error::Compacted`](crate::Error::Compacted) and [`Error::FutureRevision`](crate::Error::FutureRevision) for a revision
    /// that cannot be read.
    async fn get(&self, key: &[u8], revision: Option<Revision>) -> Result<GetResponse>;

    /// Reads a range in key order.
    ///
    /// # Errors
    /// As [`Storage::get`].
    async fn range(&self, range: &KeyRange, options: RangeOptions) -> Result<RangeResponse>;

    /// Counts the keys of a range, at `revision` or now.
    ///
    /// # Errors
    /// As [`Storage::get`].
    async fn count(&self, range: &KeyRange, revision: Option<Revision>) -> Result<CountResponse>;

    /// Applies all operations of a transaction at one revision, or none.
    ///
    /// # Errors
    /// [`Error::Conflict`](crate::Error::Conflict) with the current state of the first key whose precondition does not hold,
    /// [`Error::TooLarge`](crate::Error::TooLarge), [`Error::NoSpace`](crate::Error::NoSpace).
    async fn transaction(&self, transaction: Transaction) -> Result<TransactionResponse>;

    /// Creates or replaces one key; returns the revision, which is the new `mod_revision`. See [`Operation::Put`].
    ///
    /// # Errors
    /// As [`Storage::transaction`].
    async fn put(
        &self,
        key: Bytes,
        value: Bytes,
        precondition: Precondition,
        ttl: Option<Duration>,
    ) -> Result<Revision> {
        let operation = Operation::Put {
            key,
            value,
            precondition,
            ttl,
        };
        Ok(self.transaction(Transaction::single(operation)).await?.revision)
    }

    /// Deletes one key.
    ///
    /// # Errors
    /// As [`Storage::transaction`].
    async fn delete(&self, key: Bytes, precondition: Precondition) -> Result<DeleteResponse> {
        let operation = Operation::Delete { key, precondition };
        let mut response = self.transaction(Transaction::single(operation)).await?;
        Ok(DeleteResponse {
            revision: response.revision,
            deleted: response.deleted.pop().flatten(),
        })
    }

    /// Whether the value under a key should be written anew even if it does not change: another encryption key wrote it
    /// than would now.
    ///
    /// # Errors
    /// As [`Storage::get`].
    async fn is_stale(&self, _key: &[u8]) -> Result<bool> {
        Ok(false)
    }

    /// Watches a range. Events from `from` (inclusive) on are delivered, or, without it, those after the call.
    /// After a list at revision R watch from R + 1. A revision that has not happened yet is waited for.
    ///
    /// # Errors
    /// [`Error::Compacted`](crate::Error::Compacted) if `from` is older than the compaction revision, from the call or as the first
    /// item of the watch.
    async fn watch(&self, range: KeyRange, from: Option<Revision>) -> Result<Watch>;

    /// The current revision, as a linearizable read.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn current_revision(&self) -> Result<Revision>;

    /// The oldest revision that can be read, as far as this process knows; 0 before the first compaction.
    fn compact_revision(&self) -> Revision;

    /// Forgets the history before `revision`; the state at `revision` stays readable. Returns when reads before it are refused;
    /// space is given back in the background.
    ///
    /// # Errors
    /// [`Error::Compacted`](crate::Error::Compacted) if that was done already,
    /// [`Error::FutureRevision`](crate::Error::FutureRevision) if the revision has not happened.
    async fn compact(&self, revision: Revision) -> Result<()>;

    /// One round of periodic compaction, coordinated with other servers of the same store: compacts to the revision seen
    /// in the last round, if it is this server's turn. The first round only looks.
    ///
    /// # Errors
    /// When the store does not answer; the round can be repeated.
    async fn compaction_round(&self, last: CompactionRound) -> Result<CompactionRound>;

    /// What the backend can do.
    fn capabilities(&self) -> Capabilities;

    /// Sizes and revisions.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn status(&self) -> Result<Status>;

    /// Whether the store answers and can write, for health checks.
    ///
    /// # Errors
    /// Says why not.
    async fn health(&self) -> Result<()>;

    /// Writes a consistent copy of the store to a file, while serving. The file appears whole, with mode 0600, or not at all, and replaces
    /// an older one. Its format is the backend's own. Returns the revision of the copy, as far as the backend tells.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io) if the file cannot be written.
    async fn snapshot(&self, file: &Path) -> Result<Option<Revision>>;

    /// Ends watches, finishes writes under way and releases the store. Later calls get [`Error::Closed`](crate::Error::Closed).
    async fn close(&self);
}
