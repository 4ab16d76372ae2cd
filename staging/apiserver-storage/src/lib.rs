//! The API server's revisioned key space: the [`Storage`] trait, its embedded and etcd3 backends, encryption at rest.
//!
//! Upstream counterpart: `k8s.io/apiserver/pkg/storage/etcd3` together with the part of etcd it relies on, and
//! `k8s.io/apiserver/pkg/storage/value` for encryption.
//!
//! # Consistency
//!
//! Every backend promises the same, and the contract suite in `tests/` runs on each of them:
//!
//! - **One order.** The key space has one revision counter. A transaction that changes something takes the next revision, all
//!   its changes carry it, and no two transactions share one. An empty store stands at revision 1, so the first write is 2.
//! - **Linearizable.** `get`, `range` and `count` without a revision, and `current_revision`, see every transaction
//!   acknowledged before the call was made. Preconditions are evaluated at the transaction's own place in the order.
//! - **Snapshots.** A read at a revision sees exactly the state right after it, any number of times, until the
//!   revision is compacted ([`Error::Compacted`]); the compaction revision itself stays readable. A revision that has not happened is
//!   [`Error::FutureRevision`].
//! - **Durable acknowledgement.** A write that returned is on stable storage. A write whose future was dropped, or that returned
//!   [`Error::Unavailable`] or [`Error::Timeout`], may or may not have happened; any other error means that it did not.
//! - **Watches are complete and ordered.** A [`Watch`] yields every event of its range from its first revision on, in revision
//!   order, all events of one revision in one batch, without gaps or repetition, or ends with an error. A progress
//!   notification with revision R comes after every event up to R, where
//!   [`Capabilities::reliable_progress`] says that it can be trusted.
//! - **Expiry is deletion.** A key put with a time to live is deleted by the store after that time, never before, at a revision
//!   of its own, and watchers see an ordinary delete event.
//!
//! Values are opaque here. What an object's bytes mean, and under which key it lies, is the registry's business; encryption is
//! a codec over values ([`encryption`]) that the layer above applies with the key as authenticated data.

mod compactor;
pub mod embedded;
pub mod encryption;
mod error;
pub mod etcd3;
mod storage;
mod types;
mod watch;

pub use compactor::{DEFAULT_COMPACTION_INTERVAL, run_compaction};
pub use error::{Conflict, Error, Result};
pub use storage::{Capabilities, CompactionRound, Status, Storage};
pub use types::{
    CountResponse, DeleteResponse, GetResponse, KeyRange, KeyValue, Operation, Precondition, RangeOptions,
    RangeResponse, Revision, Transaction, TransactionResponse, prefix_end,
};
pub use watch::{Event, EventBatch, ProgressRequester, Watch, WatchResponse};
