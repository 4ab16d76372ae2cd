//! What can go wrong in a store. Reading a key that is not there is not an error: it is a response without a value.
//!
//! Errors are cheap to clone, because one failed commit answers every write that shared it.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::{KeyValue, Revision};

/// The result of a storage operation.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The failed precondition of a transaction, with what stands in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// The first key, in the order of the operations, whose precondition did not hold.
    pub key: Bytes,
    /// What the store holds under that key; `None` if the key is absent.
    pub current: Option<KeyValue>,
    /// The revision at which this was seen.
    pub revision: Revision,
}

/// Why a storage operation did not succeed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// A precondition did not hold; nothing was changed.
    #[error("the precondition on key {:?} does not hold", String::from_utf8_lossy(&.0.key))]
    Conflict(Box<Conflict>),
    /// The revision is older than the compaction revision: its history may be gone. List again and watch from there.
    #[error("required revision {requested} has been compacted, the oldest one available is {compact_revision}")]
    Compacted {
        /// The revision that was asked for.
        requested: Revision,
        /// The oldest revision that can still be read.
        compact_revision: Revision,
    },
    /// The revision has not happened yet.
    #[error("required revision {requested} is a future revision, the current one is {current}")]
    FutureRevision {
        /// The revision that was asked for.
        requested: Revision,
        /// The revision at which the store stands; 0 if the store did not tell.
        current: Revision,
    },
    /// A key, value or transaction is larger than the store takes; nothing was changed.
    #[error("request is too large{}", .limit.map(|limit| format!(", the limit is {limit} bytes")).unwrap_or_default())]
    TooLarge {
        /// The store's limit in bytes, where it is known.
        limit: Option<usize>,
    },
    /// The request makes no sense (an empty key, the same key twice in one transaction); nothing was changed.
    #[error("invalid storage request: {0}")]
    Invalid(String),
    /// The store cannot be reached or cannot work now. A write may or may not have happened.
    #[error("storage is unavailable: {0}")]
    Unavailable(String),
    /// The deadline passed without an answer. A write may or may not have happened.
    #[error("storage did not answer within {after:?}")]
    Timeout {
        /// The deadline that passed.
        after: Duration,
    },
    /// There is no room left for writes; nothing was changed, reads go on.
    #[error("storage has no space left: {0}")]
    NoSpace(String),
    /// The store refused the client's credentials or their rights do not suffice.
    #[error("storage refused access: {0}")]
    Denied(String),
    /// What was read back cannot be what was written.
    #[error("storage is corrupt: {0}")]
    Corrupt(String),
    /// A file operation failed outside the write path: opening, snapshot, restore.
    #[error("{context}")]
    Io {
        /// What was attempted, with the path.
        context: String,
        /// The system's answer.
        #[source]
        source: Arc<io::Error>,
    },
    /// Another process (or another store of this one) has the directory open.
    #[error("{} is in use by another process", .path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A snapshot is only restored into an empty directory.
    #[error("{} is not empty", .path.display())]
    NotEmpty {
        /// The directory.
        path: PathBuf,
    },
    /// The store was shut down.
    #[error("storage is closed")]
    Closed,
}

impl Error {
    /// The conflict, if this is one.
    #[must_use]
    pub fn conflict(&self) -> Option<&Conflict> {
        match self {
            Self::Conflict(conflict) => Some(conflict),
            _ => None,
        }
    }

    /// Whether the revision asked for is gone, so that the caller has to list again.
    #[must_use]
    pub fn is_compacted(&self) -> bool {
        matches!(self, Self::Compacted { .. })
    }

    /// Whether a write that got this answer may nevertheless have happened.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::Timeout { .. })
    }

    /// An [`Error::Io`] from the system's answer to what `context` describes.
    pub(crate) fn io(context: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let context = context.into();
        move |source| Self::Io {
            context,
            source: Arc::new(source),
        }
    }
}
