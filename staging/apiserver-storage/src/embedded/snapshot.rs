//! Reads: one committed state of the store, shared by all readers until the next commit replaces it.

use std::ops::Bound;

use bytes::Bytes;
use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable};

use super::schema::{
    FIRST_REVISION, INDEX, IndexEntry, LOG, META, META_BASE_REVISION, META_COMPACT_REVISION, META_SWEPT_REVISION,
    Position, Record, database_error,
};
use crate::{
    CountResponse, Error, Event, EventBatch, GetResponse, KeyRange, KeyValue, RangeOptions, RangeResponse, Result,
    Revision,
};

/// The tables as one commit left them. While it lives, the pages it refers to are not reused.
pub(super) struct Snapshot {
    index: ReadOnlyTable<&'static [u8], &'static [u8; IndexEntry::LEN]>,
    log: ReadOnlyTable<u128, &'static [u8]>,
    /// The revision of the last transaction.
    pub(super) revision: Revision,
    /// The oldest revision that can be read; 0 if nothing was ever compacted.
    pub(super) compact_revision: Revision,
    /// The revision before which superseded records have been removed.
    pub(super) swept_revision: Revision,
}

impl Snapshot {
    /// The state after the last commit.
    pub(super) fn of(database: &Database) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let index = transaction.open_table(INDEX)?;
        let log = transaction.open_table(LOG)?;
        let meta = transaction.open_table(META)?;
        let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |value| value.value()));
        let compact_revision = number(META_COMPACT_REVISION)?;
        let swept_revision = number(META_SWEPT_REVISION)?;
        let last = log
            .last()?
            .map_or(0, |(position, _)| Position(position.value()).revision());
        let revision = last
            .max(compact_revision)
            .max(number(META_BASE_REVISION)?)
            .max(FIRST_REVISION);
        Ok(Self {
            index,
            log,
            revision,
            compact_revision,
            swept_revision,
        })
    }

    /// The index, for a copy.
    pub(super) fn index(&self) -> &ReadOnlyTable<&'static [u8], &'static [u8; IndexEntry::LEN]> {
        &self.index
    }

    /// The log, for a copy.
    pub(super) fn log(&self) -> &ReadOnlyTable<u128, &'static [u8]> {
        &self.log
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
        let entry = self
            .index
            .get(key)
            .map_err(database_error)?
            .map(|entry| IndexEntry::decode(entry.value()));
        let position = match entry {
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
        self.scan(range, revision, |key, position| {
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
        self.scan(range, revision, |_, _| {
            count += 1;
            Ok(())
        })?;
        Ok(CountResponse { count, revision })
    }

    /// Calls `visit` for each key of the range that exists at `revision`, with the position of its record.
    fn scan(
        &self,
        range: &KeyRange,
        revision: Revision,
        mut visit: impl FnMut(&[u8], Position) -> Result<()>,
    ) -> Result<()> {
        if range.is_empty() {
            return Ok(());
        }
        let end = range
            .end
            .as_ref()
            .map_or(Bound::Unbounded, |end| Bound::Excluded(&end[..]));
        let entries = self
            .index
            .range::<&[u8]>((Bound::Included(&range.start[..]), end))
            .map_err(database_error)?;
        for entry in entries {
            let (key, entry) = entry.map_err(database_error)?;
            if let Some(position) = self.visible(IndexEntry::decode(entry.value()), revision)? {
                visit(key.value(), position)?;
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
            let record = self.log.get(position.0).map_err(database_error)?;
            let Some(record) = record else {
                // A deletion that compaction has passed is removed, although the key's next life still points to it.
                if position.revision() < self.compact_revision {
                    return Ok(None);
                }
                return Err(missing(position));
            };
            let record = Record::decode(record.value())?;
            if position.revision() <= revision {
                return Ok((!record.is_deletion()).then_some(position));
            }
            if record.previous == Position::NONE {
                return Ok(None);
            }
            position = record.previous;
        }
    }

    fn item(&self, position: Position, keys_only: bool) -> Result<KeyValue> {
        let record = self
            .log
            .get(position.0)
            .map_err(database_error)?
            .ok_or_else(|| missing(position))?;
        Ok(key_value(position, &Record::decode(record.value())?, keys_only))
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

    /// What the record at `position` superseded, if it was a value and is still there.
    pub(super) fn previous(&self, position: Position) -> Result<Option<KeyValue>> {
        if position == Position::NONE {
            return Ok(None);
        }
        let Some(record) = self.log.get(position.0).map_err(database_error)? else {
            return Ok(None);
        };
        let record = Record::decode(record.value())?;
        Ok((!record.is_deletion()).then(|| key_value(position, &record, false)))
    }

    /// The events of `range` from revision `from` on, oldest first: whole revisions, until about `limit` log records or
    /// bytes in kilobytes have been read. Returns the revision to continue at.
    pub(super) fn events(&self, range: &KeyRange, from: Revision, limit: usize) -> Result<(Vec<EventBatch>, Revision)> {
        let mut batches: Vec<EventBatch> = Vec::new();
        let mut current = from;
        let mut cost = 0;
        for entry in self.log.range(Position::start_of(from).0..).map_err(database_error)? {
            let (position, record) = entry.map_err(database_error)?;
            let position = Position(position.value());
            if position.revision() != current {
                if cost >= limit {
                    return Ok((batches, position.revision()));
                }
                current = position.revision();
            }
            let record = Record::decode(record.value())?;
            cost += 1;
            if !range.contains(record.key) {
                continue;
            }
            cost += record.value.len() / 1024;
            let event = self.event(position, &record)?;
            match batches.last_mut() {
                Some(batch) if batch.revision == current => batch.events.push(event),
                _ => batches.push(EventBatch {
                    revision: current,
                    events: vec![event],
                }),
            }
        }
        Ok((batches, self.revision + 1))
    }

    fn event(&self, position: Position, record: &Record<'_>) -> Result<Event> {
        let previous = self.previous(record.previous)?;
        Ok(if record.is_deletion() {
            Event::Delete {
                key: Bytes::copy_from_slice(record.key),
                revision: position.revision(),
                previous,
            }
        } else {
            Event::Put {
                item: key_value(position, record, false),
                previous,
            }
        })
    }
}

pub(super) fn key_value(position: Position, record: &Record<'_>, keys_only: bool) -> KeyValue {
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

pub(super) fn missing(position: Position) -> Error {
    Error::Corrupt(format!("no record at revision {}", position.revision()))
}
