//! One group commit: what it makes of the state before it, what goes into the write-ahead log, and what is answered.
//!
//! It works on a copy of the state. Nothing of it is to be seen before it is durable; if it cannot become so, the copy is forgotten.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::expiry::Expiry;
use super::hub::{Committed, Hub};
use super::layer::Entry;
use super::schema::{IndexEntry, Position};
use super::snapshot::Snapshot;
use super::wal::Commit;
use super::writer::Request;
use crate::{Conflict, Error, Operation, Result, Revision, Transaction, TransactionResponse};

/// Expired keys removed by one commit.
const EXPIRY_CHUNK: usize = 256;

/// Requests that share a commit, and what became of them.
pub(super) struct Batch {
    /// The state after the commit.
    next: Snapshot,
    now: u64,
    /// What goes into the log.
    commit: Commit,
    /// The compaction revision before.
    compact_before: Revision,
    /// What was taken from the order of expiry.
    expired: Vec<(u64, Position, Bytes)>,
    /// The database could not be read.
    pub(super) unreadable: bool,
    replies: Replies,
}

/// The answers of a batch, not yet given.
#[derive(Default)]
pub(super) struct Replies {
    transactions: Vec<(
        oneshot::Sender<Result<TransactionResponse>>,
        Result<TransactionResponse>,
    )>,
    compactions: Vec<(oneshot::Sender<Result<()>>, Result<()>)>,
}

impl Replies {
    /// Gives the answers. A caller that has gone away does not want its one.
    pub(super) fn answer(self) {
        for (reply, result) in self.transactions {
            drop(reply.send(result));
        }
        for (reply, result) in self.compactions {
            drop(reply.send(result));
        }
    }
}

impl Batch {
    /// A batch on a state, at a time in milliseconds since 1970.
    pub(super) fn new(state: &Snapshot, now: u64) -> Self {
        Self {
            next: state.clone(),
            now,
            commit: Commit::default(),
            compact_before: state.compact_revision,
            expired: Vec::new(),
            unreadable: false,
            replies: Replies::default(),
        }
    }

    /// Applies everything; returns what is to be made durable, if anything.
    pub(super) fn apply(&mut self, expiry: &mut Expiry, requests: VecDeque<Request>) -> Option<&Commit> {
        if let Err(error) = self.expire(expiry) {
            tracing::error!(%error, "the embedded store could not look for expired keys");
            self.note(&error);
        }
        for request in requests {
            match request {
                Request::Transaction { transaction, reply } => {
                    let result = self.transaction(&transaction);
                    self.replies.transactions.push((reply, result));
                }
                Request::Compact { revision, reply } => {
                    let result = self.compact(revision);
                    self.replies.compactions.push((reply, result));
                }
                Request::Checkpointed(_) | Request::Close => {}
            }
        }
        self.commit.compact_revision = self.next.compact_revision;
        let changed = !self.commit.entries.is_empty() || self.next.compact_revision != self.compact_before;
        changed.then_some(&self.commit)
    }

    /// Makes the commit visible, and hands out the answers that may now be given.
    pub(super) fn publish(self, hub: &Hub, expiry: &mut Expiry) -> Replies {
        for entry in &self.commit.entries {
            expiry.insert(entry);
        }
        hub.publish(self.next, by_transaction(self.commit.entries));
        self.replies
    }

    /// The answers of a batch that changes nothing.
    pub(super) fn unchanged(self) -> Replies {
        self.replies
    }

    /// Answers everybody with the failure of the commit.
    pub(super) fn fail(self, expiry: &mut Expiry, error: &Error) {
        expiry.give_back(self.expired);
        for (reply, _) in self.replies.transactions {
            drop(reply.send(Err(error.clone())));
        }
        for (reply, _) in self.replies.compactions {
            drop(reply.send(Err(error.clone())));
        }
    }

    fn transaction(&mut self, transaction: &Transaction) -> Result<TransactionResponse> {
        // Everything that can refuse the transaction comes before its first change.
        let operations = &transaction.operations;
        let mut entries = Vec::with_capacity(operations.len());
        let mut deleted = Vec::with_capacity(operations.len());
        for operation in operations {
            let entry = self.latest(operation.key())?;
            let live = entry.filter(|entry| !entry.is_deleted());
            let holds = operation
                .precondition()
                .holds(live.map(|entry| entry.position.revision()));
            let wanted = live.filter(|_| !holds || matches!(operation, Operation::Delete { .. }));
            let item = wanted
                .map(|entry| self.next.item(entry.position, false))
                .transpose()
                .inspect_err(|error| self.note(error))?;
            if !holds {
                let conflict = Conflict {
                    key: operation.key().clone(),
                    current: item,
                    revision: self.next.revision,
                };
                return Err(Error::Conflict(Box::new(conflict)));
            }
            entries.push(entry);
            deleted.push(item);
        }
        let revision = self.next.revision + 1;
        for (number, (operation, entry)) in operations.iter().zip(entries).enumerate() {
            let number = u32::try_from(number).expect("the size limit bounds the operations of a transaction");
            let position = Position::new(revision, number);
            match (operation, entry) {
                (Operation::Put { key, value, ttl, .. }, entry) => {
                    let expires = ttl.map_or(0, |ttl| expiry_time(self.now, ttl.as_secs_f64()));
                    self.put(position, key, value, entry, expires);
                }
                (Operation::Delete { key, .. }, Some(entry)) if !entry.is_deleted() => {
                    self.delete(position, key.clone(), entry);
                }
                (Operation::Delete { .. }, _) => {}
            }
        }
        Ok(TransactionResponse {
            revision: self.next.revision,
            deleted,
        })
    }

    fn latest(&mut self, key: &[u8]) -> Result<Option<IndexEntry>> {
        self.next.latest(key).inspect_err(|error| self.note(error))
    }

    /// Remembers that the database has to be opened again.
    fn note(&mut self, error: &Error) {
        self.unreadable |= matches!(error, Error::Unavailable(_) | Error::NoSpace(_));
    }

    /// Deletes keys whose time has come, each at a revision of its own.
    fn expire(&mut self, expiry: &mut Expiry) -> Result<()> {
        while self.expired.len() < EXPIRY_CHUNK {
            let base = Arc::clone(&self.next.base);
            let Some((at, position, key)) = expiry.take(&base, self.now)? else {
                break;
            };
            self.expired.push((at, position, key.clone()));
            // It may have been put again, or deleted.
            let entry = self.next.latest(&key)?;
            if let Some(entry) = entry.filter(|entry| entry.position == position && entry.expires == at) {
                self.delete(Position::start_of(self.next.revision + 1), key, entry);
            }
        }
        Ok(())
    }

    fn compact(&mut self, revision: Revision) -> Result<()> {
        if revision > self.next.revision {
            return Err(Error::FutureRevision {
                requested: revision,
                current: self.next.revision,
            });
        }
        if revision <= self.next.compact_revision {
            return Err(Error::Compacted {
                requested: revision,
                compact_revision: self.next.compact_revision,
            });
        }
        self.next.compact_revision = revision;
        Ok(())
    }

    fn put(&mut self, position: Position, key: &Bytes, value: &Bytes, entry: Option<IndexEntry>, expires: u64) {
        self.insert(Entry {
            position,
            create_revision: entry
                .filter(|entry| !entry.is_deleted())
                .map_or(position.revision(), |entry| entry.create_revision),
            previous: entry.map_or(Position::NONE, |entry| entry.position),
            expires,
            key: key.clone(),
            value: value.clone(),
        });
    }

    fn delete(&mut self, position: Position, key: Bytes, entry: IndexEntry) {
        self.insert(Entry {
            position,
            create_revision: 0,
            previous: entry.position,
            expires: 0,
            key,
            value: Bytes::new(),
        });
    }

    fn insert(&mut self, entry: Entry) {
        let entry = Arc::new(entry);
        self.next.insert(Arc::clone(&entry));
        self.commit.entries.push(entry);
    }
}

/// The transactions that changes belong to.
fn by_transaction(entries: Vec<Arc<Entry>>) -> Vec<Committed> {
    let mut transactions: Vec<Committed> = Vec::with_capacity(entries.len());
    for entry in entries {
        let revision = entry.position.revision();
        match transactions.last_mut() {
            Some(last) if last.revision == revision => last.changes.push(entry),
            _ => transactions.push(Committed {
                revision,
                changes: vec![entry],
            }),
        }
    }
    transactions
}

/// The time of expiry in milliseconds since 1970: whole seconds from now, rounded up.
fn expiry_time(now: u64, ttl_seconds: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates, which is what is wanted"
    )]
    let seconds = ttl_seconds.ceil() as u64;
    now.saturating_add(seconds.saturating_mul(1000)).max(1)
}
