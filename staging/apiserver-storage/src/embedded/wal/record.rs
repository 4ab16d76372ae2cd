//! One record of the write-ahead log: a group commit, framed so that a torn or damaged one is told from an intact one.
//!
//! A record begins at a multiple of [`ALIGNMENT`]. All numbers are little-endian:
//!
//! | bytes | |
//! |---|---|
//! | 8 | [`MAGIC`] |
//! | 8 | identity of the store, so that nothing a client writes passes for a record |
//! | 8 | generation: how often the log was begun anew |
//! | 8 | sequence number, without gaps over all generations |
//! | 4 | length of the payload |
//! | 4 | CRC-32 of everything before and of the payload |
//! | … | payload |
//!
//! The payload is what the commit did, not what it was asked: the compaction revision after it, then each change with its position,
//! the record it supersedes and its time of expiry. Replaying it needs neither clock nor database, and twice is as once.

use std::sync::Arc;

use bytes::{Buf, BufMut, Bytes};

use crate::embedded::layer::Entry;
use crate::embedded::schema::Position;
use crate::{Error, Result, Revision};

/// Where records begin: no two of them share a sector.
pub(super) const ALIGNMENT: usize = 512;
/// What every record begins with.
const MAGIC: u64 = u64::from_le_bytes(*b"knx-wal\x01");
/// Bytes before the payload.
pub(super) const HEADER: usize = 40;
/// Where the checksum lies in the header.
const CHECKSUM_AT: usize = 36;
/// Bytes of a change besides key and value.
const CHANGE: usize = 16 + 8 + 16 + 8 + 4 + 4;

/// Which record it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) identity: u64,
    pub(super) generation: u64,
    pub(super) sequence: u64,
}

/// A header that looks like one; only the checksum tells whether it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Header {
    pub(super) place: Place,
    /// Length of the payload.
    pub(super) length: usize,
    checksum: u32,
    /// Checksum of the header's part of what is summed.
    begun: u32,
}

impl Header {
    /// Reads a header; `None` for what is none.
    pub(super) fn decode(bytes: &[u8; HEADER]) -> Option<Self> {
        let mut rest = &bytes[..];
        if rest.get_u64_le() != MAGIC {
            return None;
        }
        let place = Place {
            identity: rest.get_u64_le(),
            generation: rest.get_u64_le(),
            sequence: rest.get_u64_le(),
        };
        let length = usize::try_from(rest.get_u32_le()).ok()?;
        Some(Self {
            place,
            length,
            checksum: rest.get_u32_le(),
            begun: crc32fast::hash(&bytes[..CHECKSUM_AT]),
        })
    }

    /// Whether the record is intact that has this payload.
    pub(super) fn matches(&self, payload: &[u8]) -> bool {
        let mut hasher = crc32fast::Hasher::new_with_initial(self.begun);
        hasher.update(payload);
        payload.len() == self.length && hasher.finalize() == self.checksum
    }
}

/// Memory for a record, which begins at a multiple of [`ALIGNMENT`] there, too.
#[derive(Default)]
pub(super) struct RecordBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl RecordBuffer {
    /// Makes room for a record of so many bytes, which goes behind what is there.
    fn begin(&mut self, length: usize) -> &mut Vec<u8> {
        self.bytes.clear();
        self.bytes.reserve(length + ALIGNMENT);
        self.start = self.bytes.as_ptr().align_offset(ALIGNMENT);
        self.bytes.resize(self.start, 0);
        &mut self.bytes
    }

    /// The record.
    pub(super) fn record(&self) -> &[u8] {
        &self.bytes[self.start..]
    }
}

/// What a group commit did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::embedded) struct Commit {
    /// The compaction revision after it.
    pub(in crate::embedded) compact_revision: Revision,
    /// Its changes, in the order of their positions.
    pub(in crate::embedded) entries: Vec<Arc<Entry>>,
}

impl Commit {
    /// Writes the record of this commit, padded, in the place of what `buffer` held.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if the length does not fit.
    pub(super) fn encode_record(&self, place: Place, buffer: &mut RecordBuffer) -> Result<()> {
        let payload = self.encoded_len();
        let length = u32::try_from(payload).map_err(|_| Error::TooLarge { limit: None })?;
        let out = buffer.begin((HEADER + payload).next_multiple_of(ALIGNMENT));
        let start = out.len();
        out.put_u64_le(MAGIC);
        out.put_u64_le(place.identity);
        out.put_u64_le(place.generation);
        out.put_u64_le(place.sequence);
        out.put_u32_le(length);
        out.put_u32_le(0);
        self.encode(out)?;
        let record = &mut out[start..];
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&record[..CHECKSUM_AT]);
        hasher.update(&record[HEADER..]);
        record[CHECKSUM_AT..HEADER].copy_from_slice(&hasher.finalize().to_le_bytes());
        let padded = record.len().next_multiple_of(ALIGNMENT);
        out.resize(start + padded, 0);
        Ok(())
    }

    /// Length of the payload.
    fn encoded_len(&self) -> usize {
        let change = |entry: &Arc<Entry>| CHANGE + entry.key.len() + entry.value.len();
        size_of::<Revision>() + self.entries.iter().map(change).sum::<usize>()
    }

    /// Appends the payload.
    pub(super) fn encode(&self, out: &mut Vec<u8>) -> Result<()> {
        let length = |bytes: &Bytes| u32::try_from(bytes.len()).map_err(|_| Error::TooLarge { limit: None });
        out.put_u64_le(self.compact_revision);
        for entry in &self.entries {
            out.put_u128_le(entry.position.0);
            out.put_u64_le(entry.create_revision);
            out.put_u128_le(entry.previous.0);
            out.put_u64_le(entry.expires);
            out.put_u32_le(length(&entry.key)?);
            out.put_u32_le(length(&entry.value)?);
            out.extend_from_slice(&entry.key);
            out.extend_from_slice(&entry.value);
        }
        Ok(())
    }

    /// Reads a payload; keys and values share its memory.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for what no commit writes.
    pub(in crate::embedded) fn decode(mut payload: Bytes) -> Result<Self> {
        let corrupt = |what: &str| Error::Corrupt(format!("a record of the write-ahead log {what}"));
        if payload.len() < 8 {
            return Err(corrupt("is truncated"));
        }
        let compact_revision = payload.get_u64_le();
        let mut entries = Vec::new();
        let mut last = Position::NONE;
        while payload.has_remaining() {
            if payload.len() < CHANGE {
                return Err(corrupt("is truncated"));
            }
            let position = Position(payload.get_u128_le());
            let create_revision = payload.get_u64_le();
            let previous = Position(payload.get_u128_le());
            let expires = payload.get_u64_le();
            let [key, value] = [payload.get_u32_le(), payload.get_u32_le()].map(|length| length as usize);
            if key > payload.len() || value > payload.len() - key {
                return Err(corrupt("is truncated"));
            }
            let key = payload.split_to(key);
            let value = payload.split_to(value);
            if position <= last || !position.is_valid() || previous >= position {
                return Err(corrupt("is out of order"));
            }
            let deletion = create_revision == 0;
            let sound = if deletion {
                value.is_empty() && expires == 0
            } else {
                create_revision <= position.revision()
            };
            if key.is_empty() || !sound {
                return Err(corrupt("makes no sense"));
            }
            last = position;
            entries.push(Arc::new(Entry {
                position,
                create_revision,
                previous,
                expires,
                key,
                value,
            }));
        }
        Ok(Self {
            compact_revision,
            entries,
        })
    }
}
