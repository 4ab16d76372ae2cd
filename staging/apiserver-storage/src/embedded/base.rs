//! The database as a checkpoint left it: what reads find below the layers.

use redb::{Database, ReadOnlyTable, ReadableDatabase, ReadableTable};

use super::schema::{
    EXPIRY, FIRST_REVISION, INDEX, IndexEntry, LOG, META, META_BASE_REVISION, META_COMPACT_REVISION,
    META_LOG_GENERATION, META_LOG_IDENTITY, META_LOG_SEQUENCE, META_SWEPT_REVISION, Position, Record, database_error,
};
use crate::{Result, Revision};

/// The tables as one checkpoint left them. While it lives, the pages it refers to are not reused.
pub(super) struct Base {
    index: ReadOnlyTable<&'static [u8], &'static [u8; IndexEntry::LEN]>,
    log: ReadOnlyTable<u128, &'static [u8]>,
    expiry: ReadOnlyTable<(u64, u128), &'static [u8]>,
    /// The revision of the last transaction in it.
    pub(super) revision: Revision,
    /// The oldest revision that can be read; 0 if nothing was ever compacted.
    pub(super) compact_revision: Revision,
    /// The revision before which superseded records have been removed.
    pub(super) swept_revision: Revision,
    /// What the records of the write-ahead log carry.
    pub(super) log_identity: u64,
    /// The first generation of the write-ahead log that is not in the tables.
    pub(super) log_generation: u64,
    /// The sequence number of that generation's first record.
    pub(super) log_sequence: u64,
}

impl Base {
    /// The state after the last commit.
    pub(super) fn of(database: &Database) -> Result<Self, redb::Error> {
        let transaction = database.begin_read()?;
        let log = transaction.open_table(LOG)?;
        let meta = transaction.open_table(META)?;
        let number = |name| Ok::<_, redb::Error>(meta.get(name)?.map_or(0, |value| value.value()));
        let compact_revision = number(META_COMPACT_REVISION)?;
        let last = log
            .last()?
            .map_or(0, |(position, _)| Position(position.value()).revision());
        let revision = last
            .max(compact_revision)
            .max(number(META_BASE_REVISION)?)
            .max(FIRST_REVISION);
        Ok(Self {
            index: transaction.open_table(INDEX)?,
            log,
            expiry: transaction.open_table(EXPIRY)?,
            revision,
            compact_revision,
            swept_revision: number(META_SWEPT_REVISION)?,
            log_identity: number(META_LOG_IDENTITY)?,
            log_generation: number(META_LOG_GENERATION)?,
            log_sequence: number(META_LOG_SEQUENCE)?,
        })
    }

    /// The index.
    pub(super) fn index(&self) -> &ReadOnlyTable<&'static [u8], &'static [u8; IndexEntry::LEN]> {
        &self.index
    }

    /// The log.
    pub(super) fn log(&self) -> &ReadOnlyTable<u128, &'static [u8]> {
        &self.log
    }

    /// Keys by the time they expire.
    pub(super) fn expiry(&self) -> &ReadOnlyTable<(u64, u128), &'static [u8]> {
        &self.expiry
    }

    /// The latest state of a key.
    pub(super) fn entry(&self, key: &[u8]) -> Result<Option<IndexEntry>> {
        let entry = self.index.get(key).map_err(database_error)?;
        Ok(entry.map(|entry| IndexEntry::decode(entry.value())))
    }

    /// What `read` makes of the record at a position; `None` if there is none.
    pub(super) fn record<T>(&self, position: Position, read: impl FnOnce(&Record<'_>) -> T) -> Result<Option<T>> {
        let Some(record) = self.log.get(position.0).map_err(database_error)? else {
            return Ok(None);
        };
        Ok(Some(read(&Record::decode(record.value())?)))
    }
}
