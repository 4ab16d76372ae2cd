//! Which key expires next.
//!
//! The database knows the order of expiry as of the last checkpoint; what was put since is queued here. Neither is corrected when a
//! key is put again or deleted: whoever takes a key from here looks whether it still expires.

use std::collections::BTreeMap;
use std::ops::Bound;

use bytes::Bytes;

use super::base::Base;
use super::layer::Entry;
use super::schema::{Position, database_error};
use crate::Result;

/// When a key expires (milliseconds since 1970), and which put of the key said so.
type Due = (u64, u128);

/// The order of expiry.
#[derive(Default)]
pub(super) struct Expiry {
    /// What was put since the checkpoint.
    queued: BTreeMap<Due, Bytes>,
    /// The first key of the database's order that was not taken.
    stored: Option<(Due, Bytes)>,
}

impl Expiry {
    /// Queues a key if it expires.
    pub(super) fn insert(&mut self, entry: &Entry) {
        if entry.expires != 0 {
            self.queued.insert((entry.expires, entry.position.0), entry.key.clone());
        }
    }

    /// Goes over to another checkpoint, whose order has what was queued before it.
    pub(super) fn rebase(&mut self, base: &Base) -> Result<()> {
        self.queued
            .retain(|(_, position), _| Position(*position).revision() > base.revision);
        self.stored = first(base, Bound::Unbounded)?;
        Ok(())
    }

    /// When the next key may expire, in milliseconds since 1970.
    pub(super) fn next(&self) -> Option<u64> {
        let queued = self.queued.first_key_value().map(|((at, _), _)| *at);
        let stored = self.stored.as_ref().map(|((at, _), _)| *at);
        queued.into_iter().chain(stored).min()
    }

    /// Takes the next key whose time has come by `now`: when it was to expire, and by which put.
    pub(super) fn take(&mut self, base: &Base, now: u64) -> Result<Option<(u64, Position, Bytes)>> {
        let queued = self.queued.first_key_value().map(|(due, _)| *due);
        let stored = self.stored.as_ref().map(|(due, _)| *due);
        let Some((at, position)) = queued.into_iter().chain(stored).min().filter(|(at, _)| *at <= now) else {
            return Ok(None);
        };
        let due = (at, position);
        let key = if queued == Some(due) {
            self.queued.pop_first().map(|(_, key)| key)
        } else {
            let next = first(base, Bound::Excluded(due))?;
            std::mem::replace(&mut self.stored, next).map(|(_, key)| key)
        };
        Ok(key.map(|key| (at, Position(position), key)))
    }

    /// Puts back what was taken for a commit that failed.
    pub(super) fn give_back(&mut self, taken: Vec<(u64, Position, Bytes)>) {
        for (at, position, key) in taken {
            self.queued.insert((at, position.0), key);
        }
    }
}

/// The first key of the database's order behind `from`.
fn first(base: &Base, from: Bound<Due>) -> Result<Option<(Due, Bytes)>> {
    let mut entries = base
        .expiry()
        .range::<Due>((from, Bound::Unbounded))
        .map_err(database_error)?;
    let Some(entry) = entries.next() else {
        return Ok(None);
    };
    let (due, key) = entry.map_err(database_error)?;
    Ok(Some((due.value(), Bytes::copy_from_slice(key.value()))))
}
