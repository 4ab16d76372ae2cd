//! Watches: ordered batches of events, and progress notifications between them.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::Stream;
use futures::stream::BoxStream;

use crate::{Error, KeyValue, Revision};

/// One change of one key. What was there before is not told: who needs it has it, and the store would have to read it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The key was created or replaced.
    Put {
        /// The new state. Created by this event if `create_revision == mod_revision`.
        item: KeyValue,
    },
    /// The key was deleted, by a request or by expiry.
    Delete {
        /// The key.
        key: Bytes,
        /// The revision of the deletion.
        revision: Revision,
    },
}

impl Event {
    /// The key that changed.
    #[must_use]
    pub fn key(&self) -> &Bytes {
        match self {
            Self::Put { item } => &item.key,
            Self::Delete { key, .. } => key,
        }
    }

    /// The revision of the change.
    #[must_use]
    pub fn revision(&self) -> Revision {
        match self {
            Self::Put { item } => item.mod_revision,
            Self::Delete { revision, .. } => *revision,
        }
    }
}

/// All events of one revision that lie in the watched range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventBatch {
    /// Their revision.
    pub revision: Revision,
    /// The events, at least one, in the order of the transaction.
    pub events: Vec<Event>,
}

/// What a watch yields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WatchResponse {
    /// Something changed.
    Events(EventBatch),
    /// Every event of the range up to and including `revision` has been delivered. Comes when asked for with
    /// [`ProgressRequester::request`], and from etcd also unasked now and then. See
    /// [`Capabilities::reliable_progress`](crate::Capabilities::reliable_progress).
    Progress {
        /// The revision that the watch has reached.
        revision: Revision,
    },
}

/// A running watch. Dropping it ends it.
///
/// After an error it yields nothing more: the caller starts again behind the last revision it has seen, or, after
/// [`Error::Compacted`], with a list. Waiting for the next item is cancel safe.
pub struct Watch {
    stream: BoxStream<'static, Result<WatchResponse, Error>>,
    progress: ProgressRequester,
}

impl Watch {
    /// Joins a stream of responses with the means to ask it for progress.
    pub fn new(stream: BoxStream<'static, Result<WatchResponse, Error>>, progress: ProgressRequester) -> Self {
        Self { stream, progress }
    }

    /// The means to ask this watch how far it is; it can be used while another task reads the watch.
    #[must_use]
    pub fn progress_requester(&self) -> ProgressRequester {
        self.progress.clone()
    }
}

impl Stream for Watch {
    type Item = Result<WatchResponse, Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.stream.as_mut().poll_next(cx)
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").finish_non_exhaustive()
    }
}

/// Asks one watch for a progress notification.
#[derive(Clone)]
pub struct ProgressRequester(Arc<dyn Fn() + Send + Sync>);

impl ProgressRequester {
    /// A requester that calls `request`, which must not block.
    pub fn new(request: impl Fn() + Send + Sync + 'static) -> Self {
        Self(Arc::new(request))
    }

    /// Has the watch yield [`WatchResponse::Progress`] soon. Several requests before an answer may share one. Never blocks,
    /// and does nothing when the watch has ended.
    pub fn request(&self) {
        (self.0)();
    }
}

impl fmt::Debug for ProgressRequester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgressRequester").finish_non_exhaustive()
    }
}
