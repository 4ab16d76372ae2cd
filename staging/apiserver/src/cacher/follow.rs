//! What the server itself keeps of a resource, kept current from the cache: authorizers' indices, configuration.
//!
//! Upstream uses shared informers on a loopback connection for this; here the cache is at hand.

use std::{collections::HashSet, sync::Arc, time::Duration};

use apimachinery::selectors::{FieldSelector, Selector};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{CachedObject, Cacher, EventType, Predicate, WatchItem, WatchStart};

/// How long to wait before a watch that could not begin is tried again.
const RETRY: Duration = Duration::from_millis(200);

/// Is told of every object of a resource, and of its changes in their order.
pub trait Follower: Send + 'static {
    /// The object is now like this. An object may come again without a change.
    fn upsert(&mut self, object: &CachedObject);

    /// The object is gone; this is how it was last seen.
    fn delete(&mut self, key: &str);

    /// Everything that there was in the beginning has been told.
    fn synced(&mut self) {}
}

/// How far a follower is.
#[derive(Clone, Debug)]
pub struct Followed(watch::Receiver<Option<u64>>);

impl Followed {
    /// Whether the follower has seen everything that there was in the beginning.
    #[must_use]
    pub fn is_synced(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Waits until the follower has seen everything up to this revision of its resource; 0 waits for the beginning.
    /// Returns early if the follower ends.
    pub async fn reached(&mut self, revision: u64) {
        // An error says that the follower has ended; there is nothing to wait for then.
        let _ = self.0.wait_for(|seen| seen.is_some_and(|seen| seen >= revision)).await;
    }
}

impl Cacher {
    /// Tells `follower` of this cache's objects until `stop` is cancelled, in a task of its own.
    pub fn feed(self: &Arc<Self>, follower: impl Follower, stop: CancellationToken) -> Followed {
        let (progress, followed) = watch::channel(None);
        let feed = Feed {
            cacher: self.clone(),
            follower,
            known: HashSet::new(),
            progress,
        };
        tokio::spawn(feed.run(stop));
        Followed(followed)
    }
}

struct Feed<F> {
    cacher: Arc<Cacher>,
    follower: F,
    /// What the follower knows, so that what vanished while no watch ran can be taken back.
    known: HashSet<Arc<str>>,
    progress: watch::Sender<Option<u64>>,
}

impl<F: Follower> Feed<F> {
    async fn run(mut self, stop: CancellationToken) {
        let mut start = WatchStart::Any;
        while !stop.is_cancelled() {
            tokio::select! {
                next = self.watch(start) => start = next,
                () = stop.cancelled() => return,
            }
        }
    }

    /// Follows one watch to its end; returns where to go on.
    async fn watch(&mut self, start: WatchStart) -> WatchStart {
        let fields = FieldSelector::default();
        let everything =
            Predicate::new(false, "", Selector::EVERYTHING, &fields, &[], &[]).expect("no field is asked for");
        let mut stream = match self
            .cacher
            .watch(everything, start, start == WatchStart::Any, true)
            .await
        {
            Ok(stream) => stream,
            Err(error) => {
                tracing::debug!(prefix = self.cacher.prefix(), %error, "cannot follow the cache yet");
                tokio::time::sleep(RETRY).await;
                return WatchStart::Any;
            }
        };
        let mut initial = (start == WatchStart::Any).then(HashSet::new);
        while let Some(item) = stream.next().await {
            match item {
                WatchItem::Initial(object) => {
                    self.follower.upsert(&object);
                    self.known.insert(object.key.clone());
                    initial.get_or_insert_default().insert(object.key.clone());
                }
                WatchItem::InitialEnd(revision) => {
                    if let Some(seen) = initial.take() {
                        self.forget_others(&seen);
                        self.follower.synced();
                    }
                    self.progress.send_replace(Some(revision));
                }
                WatchItem::Event(kind, event) => {
                    if kind != EventType::Deleted {
                        let object = event.object_for(kind);
                        self.known.insert(object.key.clone());
                        self.follower.upsert(object);
                    } else if let Some(key) = event.key() {
                        self.known.remove(key);
                        self.follower.delete(key);
                    }
                    self.progress.send_replace(Some(stream.delivered()));
                }
                WatchItem::Bookmark(revision) => {
                    self.progress.send_replace(Some(revision));
                }
            }
        }
        match stream.delivered() {
            0 => WatchStart::Any,
            revision => WatchStart::Behind(revision),
        }
    }

    /// Takes back what is not among the present objects.
    fn forget_others(&mut self, present: &HashSet<Arc<str>>) {
        let gone: Vec<Arc<str>> = self.known.difference(present).cloned().collect();
        for key in gone {
            self.known.remove(&key);
            self.follower.delete(&key);
        }
    }
}
