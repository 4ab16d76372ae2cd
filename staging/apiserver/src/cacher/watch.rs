//! A watch as an endpoint consumes it: initial objects, then events, seen through a predicate.

use std::{
    collections::VecDeque,
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::sync::mpsc;

use super::{CacheError, CachedObject, Cacher, Event, EventType, FRESHNESS_TIMEOUT, Predicate, Round, watchers::Item};

/// Where a watch begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchStart {
    /// With every object there is, as added ones; the state as of now.
    Current,
    /// With every object there is, as added ones; any state will do.
    Any,
    /// With every object there is at this revision or later (`sendInitialEvents` with a resource version).
    InitialNotOlderThan(u64),
    /// With the events behind this revision.
    Behind(u64),
}

/// What a watch yields.
#[derive(Debug, Clone)]
pub enum WatchItem {
    /// An object that was there when the watch began.
    Initial(Arc<CachedObject>),
    /// A change; the type is how it looks through the watcher's predicate.
    Event(EventType, Arc<Event>),
    /// All changes up to this revision have been delivered.
    Bookmark(u64),
    /// Like [`WatchItem::Bookmark`]: the initial objects are complete.
    InitialEnd(u64),
}

/// A running watch. Dropping it ends it.
#[derive(Debug)]
pub struct WatchStream {
    predicate: Predicate,
    initial: std::vec::IntoIter<Arc<CachedObject>>,
    /// The revision of the initial objects, until it has been announced.
    initial_end: Option<u64>,
    backlog: VecDeque<Arc<Event>>,
    queue: mpsc::Receiver<Item>,
    overflowed: Arc<AtomicBool>,
    /// Events up to this revision are not wanted.
    skip_through: u64,
    /// The revision up to which everything was delivered.
    delivered: u64,
}

impl Cacher {
    /// Begins a watch. With `announce` the end of the initial objects is yielded as [`WatchItem::InitialEnd`];
    /// with `bookmarks` progress is yielded now and then.
    ///
    /// # Errors
    /// [`CacheError::TooOld`] if the events behind the revision are gone, [`CacheError::TooLarge`] if the cache does
    /// not reach it.
    pub async fn watch(
        &self,
        predicate: Predicate,
        start: WatchStart,
        announce: bool,
        bookmarks: bool,
    ) -> Result<WatchStream, CacheError> {
        self.wait_ready(FRESHNESS_TIMEOUT).await?;
        match start {
            WatchStart::Current => self.catch_up().await?,
            WatchStart::InitialNotOlderThan(revision) => self.wait_for(revision).await?,
            WatchStart::Any | WatchStart::Behind(_) => {}
        }
        let mut dispatch = self.dispatch.lock();
        // What waits concerns those that watch already: it is in the state and in the window.
        dispatch.tell(&self.config.indexed_fields, Round::tell);
        let state = self.state.read().clone();
        let (initial, backlog, delivered): (Vec<_>, _, _) = match start {
            WatchStart::Behind(revision) => {
                let events = dispatch.window.since(revision).map_err(|oldest| CacheError::TooOld {
                    requested: revision,
                    oldest,
                })?;
                (Vec::new(), events.cloned().collect(), revision)
            }
            _ => (
                state.select(&predicate, None).cloned().collect(),
                VecDeque::new(),
                state.revision,
            ),
        };
        let registration = dispatch.watchers.register(&predicate, bookmarks);
        drop(dispatch);
        self.counts.initial_events.add(initial.len());
        Ok(WatchStream {
            predicate,
            initial: initial.into_iter(),
            initial_end: announce.then_some(state.revision),
            backlog,
            queue: registration.queue,
            overflowed: registration.overflowed,
            skip_through: delivered,
            delivered,
        })
    }

    /// Like [`Cacher::wait_consistent`], but where the store's progress cannot be trusted its revision is waited for
    /// as far as events show it, and then the state is as good as a watch can be.
    async fn catch_up(&self) -> Result<(), CacheError> {
        match self.wait_consistent().await {
            Err(CacheError::Unsure) => {
                let current = self
                    .storage
                    .current_revision()
                    .await
                    .map_err(|_| CacheError::NotReady)?;
                self.wait_for(current).await
            }
            other => other,
        }
    }
}

impl WatchStream {
    /// The next item; `None` when the watch has ended: the server stops, the cache was rebuilt, or the watcher
    /// was too slow. Cancel safe.
    pub async fn next(&mut self) -> Option<WatchItem> {
        poll_fn(|context| self.poll_next(context)).await
    }

    /// [`WatchStream::next`] for those that poll.
    pub fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<WatchItem>> {
        if let Some(object) = self.initial.next() {
            return Poll::Ready(Some(WatchItem::Initial(object)));
        }
        if let Some(revision) = self.initial_end.take() {
            return Poll::Ready(Some(WatchItem::InitialEnd(revision)));
        }
        loop {
            let event = match self.backlog.pop_front() {
                Some(event) => event,
                None => match ready!(self.queue.poll_recv(context)) {
                    None => return Poll::Ready(None),
                    Some(Item::Event(event)) => event,
                    Some(Item::Progress(revision)) => {
                        self.delivered = self.delivered.max(revision);
                        return Poll::Ready(Some(WatchItem::Bookmark(self.delivered)));
                    }
                },
            };
            // A watch may begin behind a revision that the cache has yet to reach.
            if event.revision <= self.skip_through {
                continue;
            }
            self.delivered = self.delivered.max(event.revision);
            if let Some(kind) = self.predicate.event_type(&event) {
                return Poll::Ready(Some(WatchItem::Event(kind, event)));
            }
        }
    }

    /// The revision up to which every change was delivered.
    #[must_use]
    pub fn delivered(&self) -> u64 {
        self.delivered
    }

    /// Whether the watch ended because its consumer was too slow.
    #[must_use]
    pub fn was_too_slow(&self) -> bool {
        self.overflowed.load(Ordering::Acquire)
    }
}
