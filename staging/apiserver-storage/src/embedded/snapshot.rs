//! Reads: one committed state of the store, shared by all readers until the next commit replaces it.
//!
//! It is the database as of a checkpoint with at most two layers above it: the one that takes changes, and the one that is on its way
//! into the database. Positions tell where a record lies; of a key the newest state counts.

use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;

use super::base::Base;
use super::layer::{Entry, Frozen, Layer};
use super::schema::{IndexEntry, Position, Record, database_error};
use super::wal::Commit;
use crate::{
    CountResponse, Error, Event, EventBatch, GetResponse, KeyRange, KeyValue, RangeOptions, RangeResponse, Result,
    Revision,
};

/// A state of the store.
#[derive(Clone)]
pub(super) struct Snapshot {
    /// What is in the database.
    pub(super) base: Arc<Base>,
    /// What is on its way there.
    pub(super) frozen: Option<Arc<Frozen>>,
    /// What came after it.
    pub(super) active: Layer,
    /// The revision of the last transaction.
    pub(super) revision: Revision,
    /// The oldest revision that can be read; 0 if nothing was ever compacted.
    pub(super) compact_revision: Revision,
}

impl Snapshot {
    /// The state of a database alone.
    pub(super) fn of(base: Base) -> Self {
        Self {
            revision: base.revision,
            compact_revision: base.compact_revision,
            base: Arc::new(base),
            frozen: None,
            active: Layer::default(),
        }
    }

    /// Adds a change, which is the latest.
    pub(super) fn insert(&mut self, entry: Arc<Entry>) {
        self.revision = entry.position.revision();
        self.active.insert(entry);
    }

    /// Adds what the write-ahead log tells.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if it does not follow on this state.
    pub(super) fn replay(&mut self, commits: Vec<Commit>) -> Result<()> {
        for commit in commits {
            for entry in commit.entries {
                let revision = entry.position.revision();
                let follows = self.active.at(entry.position).is_none()
                    && (revision == self.revision + 1 || (revision == self.revision && revision > self.base.revision));
                if !follows {
                    return Err(Error::Corrupt(format!(
                        "the write-ahead log has revision {revision} after revision {}",
                        self.revision
                    )));
                }
                self.insert(entry);
            }
            if commit.compact_revision < self.compact_revision || commit.compact_revision > self.revision {
                return Err(Error::Corrupt(format!(
                    "the write-ahead log is compacted to revision {} after {} at revision {}",
                    commit.compact_revision, self.compact_revision, self.revision
                )));
            }
            self.compact_revision = commit.compact_revision;
        }
        Ok(())
    }

    /// The layers, the newest first.
    fn layers(&self) -> impl DoubleEndedIterator<Item = &Layer> {
        [Some(&self.active), self.frozen.as_ref().map(|frozen| &frozen.layer)]
            .into_iter()
            .flatten()
    }

    /// The latest state of a key.
    pub(super) fn latest(&self, key: &[u8]) -> Result<Option<IndexEntry>> {
        match self.layers().find_map(|layer| layer.latest(key)) {
            Some(entry) => Ok(Some(entry.index_entry())),
            None => self.base.entry(key),
        }
    }

    /// The change at a position that no checkpoint has reached.
    fn recent(&self, position: Position) -> Option<&Arc<Entry>> {
        self.layers().find_map(|layer| layer.at(position))
    }

    /// The revision to read at.
    fn read_revision(&self, requested: Option<Revision>) -> Result<Revision> {
        match requested {
            None => Ok(self.revision),
            Some(requested) if requested > self.revision => Err(Error::FutureRevision {
                requested,
                current: self.revision,
            }),
            Some(requested) if requested < self.compact_revision => Err(Error::Compacted {
                requested,
                compact_revision: self.compact_revision,
            }),
            Some(requested) => Ok(requested),
        }
    }

    pub(super) fn get(&self, key: &[u8], revision: Option<Revision>) -> Result<GetResponse> {
        let revision = self.read_revision(revision)?;
        let position = match self.latest(key)? {
            Some(entry) => self.visible(entry, revision)?,
            None => None,
        };
        let item = position.map(|position| self.item(position, false)).transpose()?;
        Ok(GetResponse { item, revision })
    }

    pub(super) fn range(&self, range: &KeyRange, options: RangeOptions) -> Result<RangeResponse> {
        let revision = self.read_revision(options.revision)?;
        let limit = options.limit.unwrap_or(usize::MAX);
        let mut items = Vec::new();
        let mut remaining = 0;
        self.scan(range, |key, entry| {
            let Some(position) = self.visible(entry, revision)? else {
                return Ok(());
            };
            if items.len() < limit {
                items.push(self.item_of(key, position, options.keys_only)?);
            } else {
                remaining += 1;
            }
            Ok(())
        })?;
        Ok(RangeResponse {
            items,
            revision,
            more: remaining > 0,
            remaining,
        })
    }

    pub(super) fn count(&self, range: &KeyRange, revision: Option<Revision>) -> Result<CountResponse> {
        let revision = self.read_revision(revision)?;
        let mut count = 0;
        self.scan(range, |_, entry| {
            count += u64::from(self.visible(entry, revision)?.is_some());
            Ok(())
        })?;
        Ok(CountResponse { count, revision })
    }

    /// Calls `visit` for each key of the range that the index knows, in order, with its latest state.
    pub(super) fn scan(&self, range: &KeyRange, mut visit: impl FnMut(&[u8], IndexEntry) -> Result<()>) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let end = range
            .end
            .as_ref()
            .map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        let bounds = (Bound::Included(&range.start[..]), end);
        let frozen = self.frozen.iter().flat_map(|frozen| frozen.layer.keys(bounds));
        let mut recent = newest(self.active.keys(bounds), frozen).peekable();
        for entry in self.base.index().range::<&[u8]>(bounds).map_err(database_error)? {
            let (key, entry) = entry.map_err(database_error)?;
            let key = key.value();
            while let Some(before) = recent.next_if(|recent| recent.key < key) {
                visit(&before.key, before.index_entry())?;
            }
            match recent.next_if(|recent| recent.key == key) {
                Some(newer) => visit(key, newer.index_entry())?,
                None => visit(key, IndexEntry::decode(entry.value()))?,
            }
        }
        recent.try_for_each(|entry| visit(&entry.key, entry.index_entry()))
    }

    /// Calls `visit` for each record of the log from a position on, oldest first, until it says false.
    pub(super) fn records(
        &self,
        from: Position,
        mut visit: impl FnMut(Position, Recorded<'_>) -> Result<bool>,
    ) -> Result<()> {
        if from.revision() <= self.base.revision {
            for entry in self.base.log().range(from.0..).map_err(database_error)? {
                let (position, record) = entry.map_err(database_error)?;
                let record = Recorded::Stored(Record::decode(record.value())?);
                if !visit(Position(position.value()), record)? {
                    return Ok(());
                }
            }
        }
        for entry in self.layers().rev().flat_map(|layer| layer.changes(from)) {
            if !visit(entry.position, Recorded::Recent(entry))? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The record that holds a key's state at `revision`; `None` if the key does not exist then.
    fn visible(&self, entry: IndexEntry, revision: Revision) -> Result<Option<Position>> {
        if entry.position.revision() <= revision {
            return Ok((!entry.is_deleted()).then_some(entry.position));
        }
        let mut position = entry.position;
        loop {
            let Some((deletion, previous)) = self.record(position, |record| (record.is_deletion(), record.previous))?
            else {
                // A deletion that compaction has passed is removed, although the key's next life still points to it.
                if position.revision() < self.compact_revision {
                    return Ok(None);
                }
                return Err(missing(position));
            };
            if position.revision() <= revision {
                return Ok((!deletion).then_some(position));
            }
            if previous == Position::NONE {
                return Ok(None);
            }
            position = previous;
        }
    }

    /// What `read` makes of the record at a position; `None` if there is none.
    fn record<T>(&self, position: Position, read: impl FnOnce(&Record<'_>) -> T) -> Result<Option<T>> {
        match self.recent(position) {
            Some(entry) => Ok(Some(read(&entry.record()))),
            None => self.base.record(position, read),
        }
    }

    /// The state that the record at a position left; `None` if there is no record.
    fn stored_item(&self, position: Position, keys_only: bool) -> Result<Option<KeyValue>> {
        match self.recent(position) {
            Some(entry) => Ok(Some(entry.key_value(keys_only))),
            None => self
                .base
                .record(position, |record| key_value(position, record, keys_only)),
        }
    }

    /// The state that the record at a position left.
    pub(super) fn item(&self, position: Position, keys_only: bool) -> Result<KeyValue> {
        self.stored_item(position, keys_only)?.ok_or_else(|| missing(position))
    }

    /// As [`Snapshot::item`], checking that index and log agree.
    fn item_of(&self, key: &[u8], position: Position, keys_only: bool) -> Result<KeyValue> {
        let item = self.item(position, keys_only)?;
        if item.key != key {
            return Err(Error::Corrupt(format!(
                "the record at revision {} belongs to another key",
                position.revision()
            )));
        }
        Ok(item)
    }

    /// The events of `range` from revision `from` on, oldest first: whole revisions, until about `limit` log records or
    /// bytes in kilobytes have been read. Returns the revision to continue at.
    pub(super) fn events(&self, range: &KeyRange, from: Revision, limit: usize) -> Result<(Vec<EventBatch>, Revision)> {
        let mut batches: Vec<EventBatch> = Vec::new();
        let mut current = from;
        let mut cost = 0;
        let mut next = self.revision + 1;
        self.records(Position::start_of(from), |position, recorded| {
            if position.revision() != current {
                if cost >= limit {
                    next = position.revision();
                    return Ok(false);
                }
                current = position.revision();
            }
            let record = recorded.record();
            cost += 1;
            if !range.contains(record.key) {
                return Ok(true);
            }
            cost += record.value.len() / 1024;
            let event = recorded.event(position);
            match batches.last_mut() {
                Some(batch) if batch.revision == current => batch.events.push(event),
                _ => batches.push(EventBatch {
                    revision: current,
                    events: vec![event],
                }),
            }
            Ok(true)
        })?;
        Ok((batches, next))
    }
}

/// A record, wherever it lies.
pub(super) enum Recorded<'a> {
    /// In the database.
    Stored(Record<'a>),
    /// In a layer.
    Recent(&'a Arc<Entry>),
}

impl Recorded<'_> {
    fn event(&self, position: Position) -> Event {
        let item = match self {
            Self::Stored(record) => key_value(position, record, false),
            Self::Recent(entry) => return entry.event(),
        };
        if self.record().is_deletion() {
            Event::Delete {
                key: item.key,
                revision: position.revision(),
            }
        } else {
            Event::Put { item }
        }
    }

    pub(super) fn record(&self) -> Record<'_> {
        match self {
            Self::Stored(record) => *record,
            Self::Recent(entry) => entry.record(),
        }
    }
}

/// Merges the states of keys in two layers, both in the order of keys; of a key that both have, the newer one's counts.
fn newest<'a>(
    newer: impl Iterator<Item = &'a Arc<Entry>>,
    older: impl Iterator<Item = &'a Arc<Entry>>,
) -> impl Iterator<Item = &'a Arc<Entry>> {
    let (mut newer, mut older) = (newer.peekable(), older.peekable());
    std::iter::from_fn(move || {
        let order = match (newer.peek(), older.peek()) {
            (Some(newer), Some(older)) => newer.key.cmp(&older.key),
            (None, _) => Ordering::Greater,
            (_, None) => Ordering::Less,
        };
        match order {
            Ordering::Less => newer.next(),
            Ordering::Greater => older.next(),
            Ordering::Equal => {
                older.next();
                newer.next()
            }
        }
    })
}

fn key_value(position: Position, record: &Record<'_>, keys_only: bool) -> KeyValue {
    KeyValue {
        key: Bytes::copy_from_slice(record.key),
        value: if keys_only {
            Bytes::new()
        } else {
            Bytes::copy_from_slice(record.value)
        },
        create_revision: record.create_revision,
        mod_revision: position.revision(),
    }
}

fn missing(position: Position) -> Error {
    Error::Corrupt(format!("no record at revision {}", position.revision()))
}
