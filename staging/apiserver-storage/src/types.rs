//! Keys, values, ranges and transactions: the vocabulary of the [`Storage`](crate::Storage) trait.

use std::collections::HashSet;
use std::time::Duration;

use bytes::Bytes;

use crate::{Error, Result};

/// A point in the store's one order of transactions. 0 never occurs in a store; where a request takes a revision it is
/// optional instead.
pub type Revision = u64;

/// A key with its value at some revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyValue {
    /// The full key.
    pub key: Bytes,
    /// The value, opaque to the store.
    pub value: Bytes,
    /// The revision that created the key; it stays the same until the key is deleted.
    pub create_revision: Revision,
    /// The revision that last put the key.
    pub mod_revision: Revision,
}

/// A half-open range of keys in byte order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRange {
    /// The first key of the range.
    pub start: Bytes,
    /// The first key behind the range; `None` if the range has no upper end.
    pub end: Option<Bytes>,
}

impl KeyRange {
    /// All keys from `start` up to but without `end`.
    #[must_use]
    pub fn new(start: impl Into<Bytes>, end: impl Into<Bytes>) -> Self {
        Self {
            start: start.into(),
            end: Some(end.into()),
        }
    }

    /// All keys that begin with `prefix`.
    #[must_use]
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        let start = prefix.into();
        let end = prefix_end(&start);
        Self { start, end }
    }

    /// The one key.
    #[must_use]
    pub fn key(key: impl Into<Bytes>) -> Self {
        let start = key.into();
        let mut end = Vec::with_capacity(start.len() + 1);
        end.extend_from_slice(&start);
        end.push(0);
        Self {
            start,
            end: Some(end.into()),
        }
    }

    /// Every key there is.
    #[must_use]
    pub fn all() -> Self {
        Self {
            start: Bytes::new(),
            end: None,
        }
    }

    /// The part of this range from `start` on: what a continued list asks for.
    #[must_use]
    pub fn starting_at(self, start: impl Into<Bytes>) -> Self {
        let start = start.into();
        Self {
            start: if start > self.start { start } else { self.start },
            end: self.end,
        }
    }

    /// Whether `key` lies in the range.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= &self.start[..] && self.end.as_ref().is_none_or(|end| key < &end[..])
    }

    /// Whether no key can lie in the range.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.end.as_ref().is_some_and(|end| *end <= self.start)
    }
}

/// The first key behind all keys that begin with `prefix`; `None` if there is none (a prefix of nothing but 0xff).
#[must_use]
pub fn prefix_end(prefix: &[u8]) -> Option<Bytes> {
    let last = prefix.iter().rposition(|byte| *byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end.into())
}

/// How a range is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RangeOptions {
    /// At most so many items; `None` for all.
    pub limit: Option<usize>,
    /// The revision to read at; `None` for the current one.
    pub revision: Option<Revision>,
    /// Leaves the values empty.
    pub keys_only: bool,
}

impl RangeOptions {
    /// Everything at the current revision.
    #[must_use]
    pub fn latest() -> Self {
        Self::default()
    }

    /// Everything at `revision`.
    #[must_use]
    pub fn at(revision: Revision) -> Self {
        Self {
            revision: Some(revision),
            ..Self::default()
        }
    }

    /// The same with at most `limit` items.
    #[must_use]
    pub fn limit(self, limit: usize) -> Self {
        Self {
            limit: Some(limit),
            ..self
        }
    }

    /// The same without values.
    #[must_use]
    pub fn keys_only(self) -> Self {
        Self {
            keys_only: true,
            ..self
        }
    }
}

/// The answer to a get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetResponse {
    /// What lies under the key; `None` if nothing does.
    pub item: Option<KeyValue>,
    /// The revision read at: the one asked for, or the current one.
    pub revision: Revision,
}

/// The answer to a range read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeResponse {
    /// The items in key order.
    pub items: Vec<KeyValue>,
    /// The revision read at: the one asked for, or the current one.
    pub revision: Revision,
    /// Whether the range goes on behind the last item.
    pub more: bool,
    /// How many items of the range lie behind the last one returned.
    pub remaining: u64,
}

/// The answer to a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CountResponse {
    /// The number of keys in the range.
    pub count: u64,
    /// The revision read at.
    pub revision: Revision,
}

/// What must hold of a key for a transaction to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// Nothing.
    #[default]
    None,
    /// The key does not exist.
    Absent,
    /// The key exists and was last put at this revision.
    ModRevision(Revision),
}

impl Precondition {
    /// Whether it holds of a key last put at `mod_revision`, or absent.
    pub(crate) fn holds(self, mod_revision: Option<Revision>) -> bool {
        match self {
            Self::None => true,
            Self::Absent => mod_revision.is_none(),
            Self::ModRevision(expected) => mod_revision == Some(expected),
        }
    }
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Creates or replaces a key.
    Put {
        /// The full key.
        key: Bytes,
        /// The value.
        value: Bytes,
        /// What must hold of the key before.
        precondition: Precondition,
        /// After this time the store deletes the key, unless it is put again. Kept in whole seconds, rounded up. A put without it
        /// takes a former one off. A backend may let the key live somewhat longer (etcd shares leases between keys).
        ttl: Option<Duration>,
    },
    /// Removes a key. Removing an absent one is no change.
    Delete {
        /// The full key.
        key: Bytes,
        /// What must hold of the key before.
        precondition: Precondition,
    },
}

impl Operation {
    /// The key it changes.
    #[must_use]
    pub fn key(&self) -> &Bytes {
        match self {
            Self::Put { key, .. } | Self::Delete { key, .. } => key,
        }
    }

    /// What must hold of the key before.
    #[must_use]
    pub fn precondition(&self) -> Precondition {
        match self {
            Self::Put { precondition, .. } | Self::Delete { precondition, .. } => *precondition,
        }
    }
}

/// Changes that happen together, at one revision, or not at all. No key may occur twice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The changes.
    pub operations: Vec<Operation>,
}

impl Transaction {
    /// A transaction of one change.
    #[must_use]
    pub fn single(operation: Operation) -> Self {
        Self {
            operations: vec![operation],
        }
    }

    /// The bytes of its keys and values.
    pub(crate) fn size(&self) -> usize {
        let sizes = self.operations.iter().map(|operation| match operation {
            Operation::Put { key, value, .. } => key.len() + value.len(),
            Operation::Delete { key, .. } => key.len(),
        });
        sizes.sum()
    }

    /// Refuses what no store takes.
    pub(crate) fn validate(&self) -> Result<()> {
        if self.operations.iter().any(|operation| operation.key().is_empty()) {
            return Err(Error::Invalid("key is empty".to_owned()));
        }
        if self.operations.len() > 1 {
            let mut keys = HashSet::with_capacity(self.operations.len());
            if !self.operations.iter().all(|operation| keys.insert(operation.key())) {
                return Err(Error::Invalid("duplicate key in transaction".to_owned()));
            }
        }
        Ok(())
    }
}

/// The answer to a transaction that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransactionResponse {
    /// The revision the transaction took, or the current one if it changed nothing.
    pub revision: Revision,
    /// For each operation what it removed: the value of a deleted key. `None` for puts and for keys that were absent.
    pub deleted: Vec<Option<KeyValue>>,
}

/// The answer to a delete that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteResponse {
    /// The revision of the deletion, or the current one if the key was absent.
    pub revision: Revision,
    /// What was deleted; `None` if the key was absent.
    pub deleted: Option<KeyValue>,
}
