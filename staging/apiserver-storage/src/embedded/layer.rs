//! What was written since a checkpoint: durable in the write-ahead log, readable here, and not yet in the database.
//!
//! The maps are persistent: a copy costs nothing, and a commit that fails is undone by forgetting the copy it worked on.

use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use imbl::OrdMap;

use super::schema::{IndexEntry, Position, Record};
use crate::{Event, KeyValue, Revision};

/// What an entry takes in memory besides its key and value, about: its own fields and its places in two maps.
const ENTRY_OVERHEAD: usize = 256;

/// The range of all keys.
pub(super) const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

/// One change: a record of the log together with the index entry it makes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// Its place in the log.
    pub(super) position: Position,
    /// The revision that created the key; 0 for a deletion.
    pub(super) create_revision: Revision,
    /// The record of the same key before this one.
    pub(super) previous: Position,
    /// When the key expires, in milliseconds since 1970; 0 for never.
    pub(super) expires: u64,
    /// The key.
    pub(super) key: Bytes,
    /// The value; empty for a deletion.
    pub(super) value: Bytes,
}

impl Entry {
    pub(super) fn is_deletion(&self) -> bool {
        self.create_revision == 0
    }

    /// Its record in the database's log.
    pub(super) fn record(&self) -> Record<'_> {
        Record {
            create_revision: self.create_revision,
            previous: self.previous,
            key: &self.key,
            value: &self.value,
        }
    }

    /// The state of its key in the database's index.
    pub(super) fn index_entry(&self) -> IndexEntry {
        IndexEntry {
            position: self.position,
            create_revision: self.create_revision,
            expires: self.expires,
        }
    }

    /// The state it leaves; meaningless for a deletion.
    pub(super) fn key_value(&self, keys_only: bool) -> KeyValue {
        KeyValue {
            key: self.key.clone(),
            value: if keys_only { Bytes::new() } else { self.value.clone() },
            create_revision: self.create_revision,
            mod_revision: self.position.revision(),
        }
    }

    /// What watches are told.
    pub(super) fn event(&self) -> Event {
        if self.is_deletion() {
            Event::Delete {
                key: self.key.clone(),
                revision: self.position.revision(),
            }
        } else {
            Event::Put {
                item: self.key_value(false),
            }
        }
    }

    fn size(&self) -> usize {
        self.key.len() + self.value.len() + ENTRY_OVERHEAD
    }
}

/// The changes between two checkpoints.
#[derive(Clone, Default)]
pub(super) struct Layer {
    log: OrdMap<Position, Arc<Entry>>,
    index: OrdMap<Bytes, Arc<Entry>>,
    size: usize,
}

impl Layer {
    /// Adds a change, which is later than all that are there.
    pub(super) fn insert(&mut self, entry: Arc<Entry>) {
        self.size += entry.size();
        self.index.insert(entry.key.clone(), Arc::clone(&entry));
        self.log.insert(entry.position, entry);
    }

    /// The memory it takes, in bytes, about.
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The revision of its last change.
    #[cfg(test)]
    pub(super) fn revision(&self) -> Option<Revision> {
        self.log.get_max().map(|(position, _)| position.revision())
    }

    /// The latest change of a key.
    pub(super) fn latest(&self, key: &[u8]) -> Option<&Arc<Entry>> {
        self.index.get(key)
    }

    /// The change at a position.
    pub(super) fn at(&self, position: Position) -> Option<&Arc<Entry>> {
        self.log.get(&position)
    }

    /// The latest changes of the keys in a range, in the order of keys.
    pub(super) fn keys(&self, range: (Bound<&[u8]>, Bound<&[u8]>)) -> impl Iterator<Item = &Arc<Entry>> {
        self.index.range::<_, [u8]>(range).map(|(_, entry)| entry)
    }

    /// All changes from a position on, oldest first.
    pub(super) fn changes(&self, from: Position) -> impl Iterator<Item = &Arc<Entry>> {
        self.log.range(from..).map(|(_, entry)| entry)
    }
}

/// A layer that takes no more changes and is on its way into the database.
pub(super) struct Frozen {
    /// The changes.
    pub(super) layer: Layer,
    /// The compaction revision after the last of them.
    pub(super) compact_revision: Revision,
    /// The generation of the write-ahead log that follows the one with these changes.
    pub(super) next_generation: u64,
    /// The sequence number of its first record.
    pub(super) next_sequence: u64,
}
