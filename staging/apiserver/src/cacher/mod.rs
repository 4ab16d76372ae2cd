//! The cacher: every object of one resource in memory, as the bytes that are sent, and the recent events.
//!
//! One task a resource lists the store and then follows its watch. Readers take a [`Snapshot`] in
//! O(1); watchers get shared [`Event`]s through bounded queues and are ended when they lag behind.
//!
//! Upstream counterpart: `k8s.io/apiserver/pkg/storage/cacher`.
//!
//! **Invariants.** The state, the event window and the watchers' queues change together, in
//! revision order, under one lock; a registration under that lock therefore misses nothing and sees
//! nothing twice. Readers of the state never wait for the delivery of events.

mod announced;
mod decode;
mod follow;
mod object;
mod predicate;
mod reflector;
mod round;
mod snapshot;
mod splice;
mod watch;
mod watchers;
mod window;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use apiserver_storage::{ProgressRequester, Storage};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use tokio::sync::watch as signal;

pub use announced::Announced;
pub use decode::{Absent, DecodeError, ReadForeign, Selected, StoredCodec};
pub use follow::{Followed, Follower};
pub use object::{CachedObject, EncodingId};
pub use predicate::{FieldError, Predicate};
pub use snapshot::Snapshot;
pub use watch::{WatchItem, WatchStart, WatchStream};
pub use window::{Event, EventType, json_frame};

use announced::Announcements;
use round::Round;
use watchers::Watchers;
use window::Window;

use crate::counts::CacheCounts;

/// How long a read waits for the cache to catch up before it fails or goes to the store.
pub const FRESHNESS_TIMEOUT: Duration = Duration::from_secs(3);

/// What a cacher needs to know of its resource.
#[derive(Debug)]
pub struct CacherConfig {
    /// Prefix of all keys, with a slash at the end (`/registry/pods/`).
    pub prefix: String,
    /// The resource's name for logs and metrics (`pods`, `deployments.apps`).
    pub resource: String,
    /// Turns stored values into cached objects.
    pub codec: Arc<StoredCodec>,
    /// The numbers of those selectable fields that have an index and watch groups.
    pub indexed_fields: Vec<usize>,
}

/// Why a read from the cache was not possible.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The cache has not reached the revision in time.
    #[error("Too large resource version: {requested}, current: {current}")]
    TooLarge {
        /// The revision asked for.
        requested: u64,
        /// Where the cache is.
        current: u64,
    },
    /// The events behind the revision are gone.
    #[error("too old resource version: {requested} ({oldest})")]
    TooOld {
        /// The revision asked for.
        requested: u64,
        /// The oldest revision that can be resumed from.
        oldest: u64,
    },
    /// The cache cannot know whether it is current; ask the store.
    #[error("the cache cannot tell whether it is current")]
    Unsure,
    /// The first list from the store has not succeeded yet.
    #[error("storage is (re)initializing")]
    NotReady,
}

struct Dispatch {
    window: Window,
    watchers: Watchers,
    round: Round,
}

/// The cache of one resource.
pub struct Cacher {
    config: CacherConfig,
    storage: Arc<dyn Storage>,
    state: RwLock<Snapshot>,
    dispatch: Mutex<Dispatch>,
    /// The revision of `state`, to be waited on.
    revision: signal::Sender<u64>,
    progress: Mutex<Option<ProgressRequester>>,
    ready: AtomicBool,
    /// The newest revision that this server wrote itself.
    written: AtomicU64,
    announced: Announcements,
    counts: CacheCounts,
}

impl std::fmt::Debug for Cacher {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Cacher")
            .field("resource", &self.config.resource)
            .finish_non_exhaustive()
    }
}

impl Cacher {
    /// A cacher that is empty until [`Cacher::run`] has listed the store.
    #[must_use]
    pub fn new(storage: Arc<dyn Storage>, config: CacherConfig) -> Arc<Self> {
        Arc::new(Self {
            config,
            storage,
            state: RwLock::default(),
            dispatch: Mutex::new(Dispatch {
                window: Window::new(0),
                watchers: Watchers::default(),
                round: Round::default(),
            }),
            revision: signal::Sender::new(0),
            progress: Mutex::new(None),
            ready: AtomicBool::new(false),
            written: AtomicU64::new(0),
            announced: Announcements::default(),
            counts: CacheCounts::default(),
        })
    }

    pub(crate) fn counts(&self) -> &CacheCounts {
        &self.counts
    }

    /// The codec of stored values.
    #[must_use]
    pub fn codec(&self) -> &Arc<StoredCodec> {
        &self.config.codec
    }

    /// The key prefix in the store, with a slash at the end.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.config.prefix
    }

    /// The full key of a relative one.
    #[must_use]
    pub fn storage_key(&self, key: &str) -> Bytes {
        format!("{}{key}", self.config.prefix).into()
    }

    /// Whether the first list has succeeded.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }

    /// Waits until the first list has succeeded.
    ///
    /// # Errors
    /// [`CacheError::NotReady`] after `timeout`.
    pub async fn wait_ready(&self, timeout: Duration) -> Result<(), CacheError> {
        if self.is_ready() {
            return Ok(());
        }
        let mut revision = self.revision.subscribe();
        let reached = tokio::time::timeout(timeout, revision.wait_for(|&revision| revision > 0)).await;
        if matches!(reached, Ok(Ok(_))) {
            Ok(())
        } else {
            Err(CacheError::NotReady)
        }
    }

    /// The state as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.state.read().clone()
    }

    /// The object under a relative key, as it is now.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Arc<CachedObject>> {
        self.state.read().get(key).cloned()
    }

    /// Notes that this server wrote an object of the resource at `revision`.
    pub fn note_written(&self, revision: u64) {
        self.written.fetch_max(revision, Ordering::Release);
    }

    /// Whether the cache has not seen all yet that this server wrote.
    #[must_use]
    pub fn lags(&self) -> bool {
        *self.revision.borrow() < self.written.load(Ordering::Acquire)
    }

    /// Returns when the cache has seen all that this server had written before the call, or after [`FRESHNESS_TIMEOUT`].
    pub async fn see_own_writes(&self) {
        let written = self.written.load(Ordering::Acquire);
        if let Err(error) = self.wait_for(written).await {
            tracing::warn!(resource = %self.config.resource, %error, "the cache lags behind");
        }
    }

    /// The revision of the latest change of any object, as far as the cache has seen it.
    #[must_use]
    pub fn changed(&self) -> u64 {
        self.state.read().changed
    }

    /// The state at `revision` or later.
    ///
    /// # Errors
    /// [`CacheError::TooLarge`] if the cache does not get there within [`FRESHNESS_TIMEOUT`].
    pub async fn snapshot_not_older_than(&self, revision: u64) -> Result<Snapshot, CacheError> {
        self.wait_ready(FRESHNESS_TIMEOUT).await?;
        self.wait_for(revision).await?;
        Ok(self.snapshot())
    }

    /// The state as of now: it holds every write acknowledged before the call.
    ///
    /// # Errors
    /// [`CacheError::Unsure`] where the store's progress cannot be trusted or does not come: read the store itself.
    pub async fn consistent_snapshot(&self) -> Result<Snapshot, CacheError> {
        self.wait_consistent().await?;
        Ok(self.snapshot())
    }

    /// Returns when the cache holds every write acknowledged before the call.
    ///
    /// # Errors
    /// As [`Cacher::consistent_snapshot`].
    pub async fn wait_consistent(&self) -> Result<(), CacheError> {
        self.wait_ready(FRESHNESS_TIMEOUT).await?;
        if !self.storage.capabilities().reliable_progress {
            return Err(CacheError::Unsure);
        }
        let current = self.storage.current_revision().await.map_err(|_| CacheError::Unsure)?;
        self.wait_for(current).await.map_err(|_| CacheError::Unsure)
    }

    async fn wait_for(&self, revision: u64) -> Result<(), CacheError> {
        if *self.revision.borrow() >= revision {
            self.counts.waited.observe(Duration::ZERO);
            return Ok(());
        }
        let begun = Instant::now();
        let result = self.wait_for_later(revision).await;
        self.counts.waited.observe(begun.elapsed());
        result
    }

    async fn wait_for_later(&self, revision: u64) -> Result<(), CacheError> {
        let mut reached = self.revision.subscribe();
        let wait = async {
            loop {
                // The watch of one resource does not see the writes of others: ask how far it is.
                if let Some(progress) = self.progress.lock().clone() {
                    progress.request();
                }
                let step = tokio::time::timeout(Duration::from_millis(100), reached.wait_for(|&r| r >= revision));
                if let Ok(result) = step.await {
                    return result.map(|_| ()).map_err(|_| ());
                }
            }
        };
        match tokio::time::timeout(FRESHNESS_TIMEOUT, wait).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(CacheError::TooLarge {
                requested: revision,
                current: *self.revision.borrow(),
            }),
        }
    }

    /// Number of objects, and their average size in bytes as a few of them let expect.
    #[must_use]
    pub fn estimate(&self) -> (u64, u64) {
        const LOOKED_AT: usize = 16;
        let state = self.state.read();
        let (mut count, mut bytes) = (0, 0);
        for object in state.objects().take(LOOKED_AT) {
            count += 1;
            bytes += object.json.len() as u64;
        }
        (state.len() as u64, bytes.checked_div(count).unwrap_or_default())
    }

    /// Number of events that a watch can begin behind.
    pub(crate) fn kept_events(&self) -> usize {
        self.dispatch.lock().window.len()
    }

    /// Number of running watches.
    #[must_use]
    pub fn watch_count(&self) -> usize {
        self.dispatch.lock().watchers.len()
    }
}
