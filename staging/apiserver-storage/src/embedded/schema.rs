//! The tables of the embedded store, and their records.
//!
//! They hold what checkpoints have brought into them; what was written since lies in the write-ahead log ([`super::wal`])
//! and in memory ([`super::layer`]).
//!
//! - `log`: position → record. A position is a revision and the place of a change in its transaction, so that the log is
//!   appended at its right edge, and a watch from history is one range read. A record points to the one it supersedes.
//! - `index`: key → position of its latest record, create revision, expiry. A deleted key keeps its entry, marked by create
//!   revision 0, until compaction has passed the deletion.
//! - `expiry`: (time, position) → key, for keys with a time to live.
//! - `meta`: the few numbers that are not elsewhere.
//!
//! A put costs one insert into `log` (with the value) and, once a checkpoint, one into `index` (32 bytes a key). A read at an old revision follows a key's chain of
//! records backwards; it costs as many steps as the key has seen changes since. Compaction walks the log once, from where it
//! stopped last time, and removes what each record superseded: its cost follows the changes, not the size of the store.

use std::io;

use redb::TableDefinition;

use crate::{Error, Revision};

/// Position → [`Record`].
pub(super) const LOG: TableDefinition<'_, u128, &[u8]> = TableDefinition::new("log");
/// Key → [`IndexEntry`].
pub(super) const INDEX: TableDefinition<'_, &[u8], &[u8; IndexEntry::LEN]> = TableDefinition::new("index");
/// (milliseconds since 1970, position) → key.
pub(super) const EXPIRY: TableDefinition<'_, (u64, u128), &[u8]> = TableDefinition::new("expiry");
/// Name → number.
pub(super) const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

/// The version of this schema; a store with another one is refused.
pub(super) const META_FORMAT: &str = "format";
/// The oldest revision that can be read.
pub(super) const META_COMPACT_REVISION: &str = "compact_revision";
/// The revision before which superseded records have been removed.
pub(super) const META_SWEPT_REVISION: &str = "swept_revision";
/// A lower bound of the current revision, for a store whose log does not tell (empty, or restored with a bump).
pub(super) const META_BASE_REVISION: &str = "base_revision";

/// The number that the write-ahead log of this database carries in each record; absent in a copy, which has no log.
pub(super) const META_LOG_IDENTITY: &str = "log_identity";
/// The first generation of the write-ahead log that is not in the tables.
pub(super) const META_LOG_GENERATION: &str = "log_generation";
/// The sequence number of that generation's first record.
pub(super) const META_LOG_SEQUENCE: &str = "log_sequence";

/// The value of [`META_FORMAT`].
pub(super) const FORMAT: u64 = 2;
/// The format before: the same tables, without a write-ahead log.
pub(super) const FORMAT_WITHOUT_LOG: u64 = 1;
/// The revision of an empty store.
pub(super) const FIRST_REVISION: Revision = 1;

/// Where a change lies in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position(pub(super) u128);

impl Position {
    /// The superseded record of a key's first one.
    pub(super) const NONE: Self = Self(0);

    pub(super) fn new(revision: Revision, operation: u32) -> Self {
        Self(u128::from(revision) << 32 | u128::from(operation))
    }

    /// The first position of a revision.
    pub(super) fn start_of(revision: Revision) -> Self {
        Self::new(revision, 0)
    }

    /// Whether its revision fits.
    pub(super) fn is_valid(self) -> bool {
        self.0 >> 96 == 0
    }

    pub(super) fn revision(self) -> Revision {
        u64::try_from(self.0 >> 32).expect("a position holds a 64 bit revision above 32 bits")
    }
}

/// The latest state of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    /// Its latest record.
    pub(super) position: Position,
    /// The revision that created it; 0 if it is deleted.
    pub(super) create_revision: Revision,
    /// When it expires, in milliseconds since 1970; 0 for never.
    pub(super) expires: u64,
}

impl IndexEntry {
    pub(super) const LEN: usize = 32;

    pub(super) fn encode(self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..16].copy_from_slice(&self.position.0.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.create_revision.to_le_bytes());
        bytes[24..].copy_from_slice(&self.expires.to_le_bytes());
        bytes
    }

    pub(super) fn decode(bytes: &[u8; Self::LEN]) -> Self {
        let (position, rest) = bytes.split_first_chunk::<16>().expect("an index entry has 32 bytes");
        let (create_revision, rest) = rest.split_first_chunk::<8>().expect("an index entry has 32 bytes");
        let (expires, _) = rest.split_first_chunk::<8>().expect("an index entry has 32 bytes");
        Self {
            position: Position(u128::from_le_bytes(*position)),
            create_revision: u64::from_le_bytes(*create_revision),
            expires: u64::from_le_bytes(*expires),
        }
    }

    pub(super) fn is_deleted(self) -> bool {
        self.create_revision == 0
    }
}

/// One change in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    /// The revision that created the key; 0 for a deletion.
    pub(super) create_revision: Revision,
    /// The record of the same key before this one; it may have been compacted away.
    pub(super) previous: Position,
    /// The key.
    pub(super) key: &'a [u8],
    /// The value; empty for a deletion.
    pub(super) value: &'a [u8],
}

impl<'a> Record<'a> {
    const HEADER: usize = 8 + 16 + 4;

    pub(super) fn encoded_len(&self) -> usize {
        Self::HEADER + self.key.len() + self.value.len()
    }

    /// Writes the record into `out`, which has [`Record::encoded_len`] bytes.
    pub(super) fn encode(&self, out: &mut [u8]) {
        let key_len = u32::try_from(self.key.len()).expect("keys are bounded by the request size");
        out[..8].copy_from_slice(&self.create_revision.to_le_bytes());
        out[8..24].copy_from_slice(&self.previous.0.to_le_bytes());
        out[24..28].copy_from_slice(&key_len.to_le_bytes());
        let (key, value) = out[Self::HEADER..].split_at_mut(self.key.len());
        key.copy_from_slice(self.key);
        value.copy_from_slice(self.value);
    }

    pub(super) fn decode(bytes: &'a [u8]) -> Result<Self, Error> {
        let truncated = || Error::Corrupt("truncated log record".to_owned());
        let (create_revision, rest) = bytes.split_first_chunk::<8>().ok_or_else(truncated)?;
        let (previous, rest) = rest.split_first_chunk::<16>().ok_or_else(truncated)?;
        let (key_len, rest) = rest.split_first_chunk::<4>().ok_or_else(truncated)?;
        let key_len = usize::try_from(u32::from_le_bytes(*key_len)).map_err(|_| truncated())?;
        let (key, value) = rest.split_at_checked(key_len).ok_or_else(truncated)?;
        Ok(Self {
            create_revision: u64::from_le_bytes(*create_revision),
            previous: Position(u128::from_le_bytes(*previous)),
            key,
            value,
        })
    }

    pub(super) fn is_deletion(&self) -> bool {
        self.create_revision == 0
    }
}

/// What a failed file operation means to the caller.
pub(super) fn file_error(error: &io::Error) -> Error {
    if is_out_of_space(error) {
        Error::NoSpace(error.to_string())
    } else {
        Error::Unavailable(error.to_string())
    }
}

/// What a failure of the database means to the caller.
pub(super) fn database_error(error: impl Into<redb::Error>) -> Error {
    match error.into() {
        redb::Error::Io(error) => file_error(&error),
        redb::Error::PreviousIo => Error::Unavailable("an earlier file operation failed".to_owned()),
        redb::Error::DatabaseClosed => Error::Unavailable("the database is being reopened".to_owned()),
        redb::Error::ValueTooLarge(_) => Error::TooLarge { limit: None },
        error => Error::Corrupt(error.to_string()),
    }
}

/// Whether it is the disk that is full.
pub(super) fn is_out_of_space(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
    )
}
