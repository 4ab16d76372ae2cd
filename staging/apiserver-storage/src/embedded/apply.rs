//! One group commit: what happens between the start and the end of a database transaction.

use std::collections::VecDeque;

use bytes::Bytes;
use redb::{Database, ReadableTable, Table};
use tokio::sync::oneshot;

use super::hub::{Change, Committed, Hub};
use super::schema::{
    EXPIRY, INDEX, IndexEntry, LOG, META, META_COMPACT_REVISION, META_SWEPT_REVISION, Position, Record,
};
use super::snapshot::{Snapshot, key_value};
use super::writer::Request;
use crate::{Conflict, Error, KeyValue, Operation, Result, Revision, Transaction, TransactionResponse};

/// Expired keys removed by one commit.
const EXPIRY_CHUNK: usize = 256;
/// Log records swept by one commit.
const SWEEP_CHUNK: usize = 512;

/// The tables of one database transaction.
struct Tables<'txn> {
    log: Table<'txn, u128, &'static [u8]>,
    index: Table<'txn, &'static [u8], &'static [u8; IndexEntry::LEN]>,
    expiry: Table<'txn, (u64, u128), &'static [u8]>,
}

/// Requests that share a commit, and what became of them.
pub(super) struct Batch {
    revision: Revision,
    compact_revision: Revision,
    now: u64,
    /// There is a change to commit that is neither a transaction nor compaction.
    dirty: bool,
    /// Everything before this revision has been swept.
    pub(super) swept: Revision,
    /// When the next key expires.
    pub(super) next_expiry: Option<u64>,
    committed: Vec<Committed>,
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
    /// Requests that a failure left without an answer.
    unanswered: VecDeque<Request>,
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
    pub(super) fn new(revision: Revision, compact_revision: Revision, swept: Revision, now: u64) -> Self {
        Self {
            revision,
            compact_revision,
            now,
            dirty: false,
            swept,
            next_expiry: None,
            committed: Vec::new(),
            replies: Replies::default(),
        }
    }

    /// Applies and commits everything; returns whether there was anything to commit.
    pub(super) fn apply(&mut self, database: &Database, requests: VecDeque<Request>) -> Result<bool, redb::Error> {
        self.replies.unanswered = requests;
        let mut transaction = database.begin_write()?;
        transaction.set_quick_repair(true);
        let compact_before = self.compact_revision;
        let swept_before = self.swept;
        {
            let mut tables = Tables {
                log: transaction.open_table(LOG)?,
                index: transaction.open_table(INDEX)?,
                expiry: transaction.open_table(EXPIRY)?,
            };
            self.expire(&mut tables)?;
            while let Some(request) = self.replies.unanswered.pop_front() {
                match request {
                    Request::Transaction { transaction, reply } => match self.transaction(&mut tables, &transaction) {
                        Ok(result) => self.replies.transactions.push((reply, result)),
                        Err(error) => {
                            self.replies
                                .unanswered
                                .push_front(Request::Transaction { transaction, reply });
                            return Err(error);
                        }
                    },
                    Request::Compact { revision, reply } => {
                        let result = self.compact(revision);
                        self.replies.compactions.push((reply, result));
                    }
                    Request::Close => {}
                }
            }
            self.sweep(&mut tables)?;
            self.next_expiry = tables.expiry.first()?.map(|(at, _)| at.value().0);
        }
        let compacted = self.compact_revision != compact_before || self.swept != swept_before;
        if self.committed.is_empty() && !compacted && !self.dirty {
            transaction.abort()?;
            return Ok(false);
        }
        if compacted {
            let mut meta = transaction.open_table(META)?;
            meta.insert(META_COMPACT_REVISION, self.compact_revision)?;
            meta.insert(META_SWEPT_REVISION, self.swept)?;
        }
        transaction.commit()?;
        Ok(true)
    }

    /// Makes a commit visible, and hands out the answers that may now be given.
    pub(super) fn publish(self, hub: &Hub, snapshot: Option<Snapshot>) -> Replies {
        if let Some(snapshot) = snapshot {
            hub.publish(snapshot, self.committed);
        }
        self.replies
    }

    /// Answers everybody with the failure of the commit.
    pub(super) fn fail(self, error: Error) {
        let Replies {
            transactions,
            compactions,
            unanswered,
        } = self.replies;
        for (reply, _) in transactions {
            drop(reply.send(Err(error.clone())));
        }
        for (reply, _) in compactions {
            drop(reply.send(Err(error.clone())));
        }
        for request in unanswered {
            request.refuse(error.clone());
        }
    }

    fn transaction(
        &mut self,
        tables: &mut Tables<'_>,
        transaction: &Transaction,
    ) -> Result<Result<TransactionResponse>, redb::Error> {
        // Everything that can refuse the transaction comes before its first change.
        let operations = &transaction.operations;
        let mut entries = Vec::with_capacity(operations.len());
        let mut deleted = Vec::with_capacity(operations.len());
        for operation in operations {
            let entry = tables.entry(operation.key())?;
            let live = entry.filter(|entry| !entry.is_deleted());
            let holds = operation
                .precondition()
                .holds(live.map(|entry| entry.position.revision()));
            let wanted = live.filter(|_| !holds || matches!(operation, Operation::Delete { .. }));
            let item = match wanted.map(|entry| tables.item(entry)).transpose()?.transpose() {
                Ok(item) => item,
                Err(error) => return Ok(Err(error)),
            };
            if !holds {
                let conflict = Conflict {
                    key: operation.key().clone(),
                    current: item,
                    revision: self.revision,
                };
                return Ok(Err(Error::Conflict(Box::new(conflict))));
            }
            entries.push(entry);
            deleted.push(item);
        }
        let revision = self.revision + 1;
        let mut changes = Vec::with_capacity(operations.len());
        for (number, (operation, entry)) in operations.iter().zip(entries).enumerate() {
            let number = u32::try_from(number).expect("the size limit bounds the operations of a transaction");
            let position = Position::new(revision, number);
            match (operation, entry) {
                (Operation::Put { key, value, ttl, .. }, entry) => {
                    let expires = ttl.map_or(0, |ttl| expiry_time(self.now, ttl.as_secs_f64()));
                    changes.push(tables.put(position, key, value, entry, expires)?);
                }
                (Operation::Delete { key, .. }, Some(entry)) if !entry.is_deleted() => {
                    changes.push(tables.delete(position, key.clone(), entry)?);
                }
                (Operation::Delete { .. }, _) => {}
            }
        }
        if !changes.is_empty() {
            self.revision = revision;
            self.committed.push(Committed { revision, changes });
        }
        Ok(Ok(TransactionResponse {
            revision: self.revision,
            deleted,
        }))
    }

    /// Deletes keys whose time has come, each at a revision of its own.
    fn expire(&mut self, tables: &mut Tables<'_>) -> Result<(), redb::Error> {
        let mut due = Vec::new();
        for entry in tables.expiry.range(..=(self.now, u128::MAX))?.take(EXPIRY_CHUNK) {
            let (at, key) = entry?;
            due.push((at.value(), Bytes::copy_from_slice(key.value())));
        }
        for ((at, position), key) in due {
            match tables.entry(&key)? {
                Some(entry) if entry.position.0 == position && entry.expires == at => {
                    let revision = self.revision + 1;
                    let change = tables.delete(Position::start_of(revision), key, entry)?;
                    self.revision = revision;
                    self.committed.push(Committed {
                        revision,
                        changes: vec![change],
                    });
                }
                _ => {
                    tables.expiry.remove((at, position))?;
                    self.dirty = true;
                }
            }
        }
        Ok(())
    }

    fn compact(&mut self, revision: Revision) -> Result<()> {
        if revision > self.revision {
            return Err(Error::FutureRevision {
                requested: revision,
                current: self.revision,
            });
        }
        if revision <= self.compact_revision {
            return Err(Error::Compacted {
                requested: revision,
                compact_revision: self.compact_revision,
            });
        }
        self.compact_revision = revision;
        Ok(())
    }

    /// Removes what the next records before the compaction revision have superseded. The records of the compaction
    /// revision itself wait for the next compaction, so that a watch from there still has its previous values.
    fn sweep(&mut self, tables: &mut Tables<'_>) -> Result<(), redb::Error> {
        if self.swept >= self.compact_revision {
            return Ok(());
        }
        let end = Position::start_of(self.compact_revision);
        let mut next = self.compact_revision;
        let mut last = 0;
        let mut superseded = Vec::new();
        let mut deletions = Vec::new();
        for (count, entry) in tables.log.range(Position::start_of(self.swept).0..end.0)?.enumerate() {
            let (position, record) = entry?;
            let position = Position(position.value());
            if count >= SWEEP_CHUNK && position.revision() != last {
                next = position.revision();
                break;
            }
            last = position.revision();
            let record = Record::decode(record.value()).map_err(|error| redb::Error::Corrupted(error.to_string()))?;
            if record.previous != Position::NONE {
                superseded.push(record.previous);
            }
            if record.is_deletion() {
                deletions.push((position, Bytes::copy_from_slice(record.key)));
            }
        }
        for position in superseded {
            tables.log.remove(position.0)?;
        }
        for (position, key) in deletions {
            tables.log.remove(position.0)?;
            if tables.entry(&key)?.is_some_and(|entry| entry.position == position) {
                tables.index.remove(&key[..])?;
            }
        }
        self.swept = next;
        Ok(())
    }
}

impl Tables<'_> {
    fn entry(&self, key: &[u8]) -> Result<Option<IndexEntry>, redb::Error> {
        Ok(self.index.get(key)?.map(|entry| IndexEntry::decode(entry.value())))
    }

    fn item(&self, entry: IndexEntry) -> Result<Result<KeyValue>, redb::Error> {
        let Some(record) = self.log.get(entry.position.0)? else {
            return Ok(Err(super::snapshot::missing(entry.position)));
        };
        Ok(Record::decode(record.value()).map(|record| key_value(entry.position, &record, false)))
    }

    fn put(
        &mut self,
        position: Position,
        key: &Bytes,
        value: &Bytes,
        entry: Option<IndexEntry>,
        expires: u64,
    ) -> Result<Change, redb::Error> {
        let create_revision = entry
            .filter(|entry| !entry.is_deleted())
            .map_or(position.revision(), |entry| entry.create_revision);
        let previous = entry.map_or(Position::NONE, |entry| entry.position);
        self.append(
            position,
            &Record {
                create_revision,
                previous,
                key,
                value,
            },
        )?;
        self.update(
            key,
            entry,
            IndexEntry {
                position,
                create_revision,
                expires,
            },
        )?;
        let item = KeyValue {
            key: key.clone(),
            value: value.clone(),
            create_revision,
            mod_revision: position.revision(),
        };
        Ok(Change {
            key: key.clone(),
            item: Some(item),
            previous,
        })
    }

    fn delete(&mut self, position: Position, key: Bytes, entry: IndexEntry) -> Result<Change, redb::Error> {
        let previous = entry.position;
        self.append(
            position,
            &Record {
                create_revision: 0,
                previous,
                key: &key,
                value: &[],
            },
        )?;
        self.update(
            &key,
            Some(entry),
            IndexEntry {
                position,
                create_revision: 0,
                expires: 0,
            },
        )?;
        Ok(Change {
            key,
            item: None,
            previous,
        })
    }

    fn append(&mut self, position: Position, record: &Record<'_>) -> Result<(), redb::Error> {
        let mut slot = self.log.insert_reserve(position.0, record.encoded_len())?;
        record.encode(slot.as_mut());
        Ok(())
    }

    /// Replaces a key's index entry, and its place in the order of expiry.
    fn update(&mut self, key: &[u8], old: Option<IndexEntry>, new: IndexEntry) -> Result<(), redb::Error> {
        if let Some(old) = old.filter(|old| old.expires != 0) {
            self.expiry.remove((old.expires, old.position.0))?;
        }
        if new.expires != 0 {
            self.expiry.insert((new.expires, new.position.0), key)?;
        }
        self.index.insert(key, &new.encode())?;
        Ok(())
    }
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
