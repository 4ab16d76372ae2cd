//! The task behind a cacher: list, then watch, again and again.

use std::{sync::Arc, sync::atomic::Ordering, time::Duration};

use apiserver_storage::{
    Error as StorageError, Event as StorageEvent, EventBatch, KeyRange, RangeOptions, Watch, WatchResponse,
};
use futures::{FutureExt as _, StreamExt as _};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{CachedObject, Cacher, Dispatch, Event, Round, Snapshot, Watchers, Window};

/// Objects asked of the store at a time.
const PAGE: usize = 10_000;
/// Pause before the store is asked again after an error; doubled up to the maximum.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How often watchers that want bookmarks hear of progress.
const BOOKMARK_PERIOD: Duration = Duration::from_secs(55);

/// Why the watch has to begin anew.
enum Restart {
    /// The history is gone: list again.
    List,
    /// The stream broke: go on behind the last revision.
    Resume,
}

/// Most batches that are taken in at once.
const BATCHES: usize = 64;

impl Dispatch {
    /// Tells the watchers of what waits, as `when` says.
    pub(super) fn tell(&mut self, indexed_fields: &[usize], when: fn(&mut Round, &mut Watchers, &[usize])) {
        when(&mut self.round, &mut self.watchers, indexed_fields);
    }
}

type Watched = Option<Result<WatchResponse, StorageError>>;

/// Adds the batches that have arrived already; returns what came behind them and is none.
fn more(watch: &mut Watch, batches: &mut Vec<EventBatch>) -> Option<Watched> {
    while batches.len() < BATCHES {
        match watch.next().now_or_never()? {
            Some(Ok(WatchResponse::Events(batch))) => batches.push(batch),
            other => return Some(other),
        }
    }
    None
}

impl Cacher {
    /// Follows the store until `stop` is cancelled.
    pub async fn run(self: Arc<Self>, stop: CancellationToken) {
        let mut pause = FIRST_PAUSE;
        let mut resume = false;
        loop {
            let round = async {
                if !resume {
                    self.list().await?;
                }
                self.follow(&mut pause).await
            };
            let outcome = tokio::select! {
                () = stop.cancelled() => break,
                outcome = round => outcome,
            };
            resume = match outcome {
                Ok(Restart::Resume) => true,
                Ok(Restart::List) => false,
                Err(StorageError::Closed) => break,
                Err(error) => {
                    tracing::error!(resource = %self.config.resource, %error, "listing or watching storage failed");
                    resume && !error.is_compacted()
                }
            };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
        self.dispatch.lock().watchers.clear();
    }

    async fn list(&self) -> Result<(), StorageError> {
        let mut range = KeyRange::prefix(self.config.prefix.clone());
        let mut snapshot = Snapshot::default();
        let mut at = None;
        loop {
            let options = RangeOptions {
                limit: Some(PAGE),
                revision: at,
                keys_only: false,
            };
            let page = self.storage.range(&range, options).await?;
            at = Some(page.revision);
            let Some(last) = page.items.last() else { break };
            let next = KeyRange::key(last.key.clone()).end.unwrap_or_default();
            for item in &page.items {
                if let Some(object) = self.decode(&item.key, &item.value, item.mod_revision) {
                    snapshot.insert(object, &self.config.indexed_fields);
                }
            }
            if !page.more {
                break;
            }
            range = range.starting_at(next);
        }
        snapshot.revision = at.expect("at least one page was read");
        snapshot.changed = snapshot.revision;
        let revision = snapshot.revision;
        let mut dispatch = self.dispatch.lock();
        // What happened since the old state is not known event by event: watches have to begin anew.
        *dispatch = Dispatch {
            window: Window::new(revision),
            watchers: Watchers::default(),
            round: Round::default(),
        };
        *self.state.write() = snapshot;
        self.ready.store(true, Ordering::Release);
        self.counts.initializations.inc();
        self.revision.send_replace(revision);
        self.announced.forget_until(revision);
        Ok(())
    }

    async fn follow(&self, pause: &mut Duration) -> Result<Restart, StorageError> {
        let from = self.state.read().revision + 1;
        let mut watch = match self
            .storage
            .watch(KeyRange::prefix(self.config.prefix.clone()), Some(from))
            .await
        {
            Ok(watch) => watch,
            Err(error) if error.is_compacted() => return Ok(Restart::List),
            Err(error) => return Err(error),
        };
        *self.progress.lock() = Some(watch.progress_requester());
        let mut bookmarks = tokio::time::interval(BOOKMARK_PERIOD);
        bookmarks.reset();
        let mut pending = None;
        loop {
            let due = self.dispatch.lock().round.due();
            let item = match pending.take() {
                Some(item) => item,
                None => tokio::select! {
                    item = watch.next() => item,
                    () = tokio::time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                        self.dispatch.lock().tell(&self.config.indexed_fields, Round::tell);
                        continue;
                    }
                    _ = bookmarks.tick() => {
                        watch.progress_requester().request();
                        let revision = self.state.read().revision;
                        let mut dispatch = self.dispatch.lock();
                        dispatch.tell(&self.config.indexed_fields, Round::tell);
                        dispatch.watchers.progress(revision);
                        dispatch.window.trim();
                        continue;
                    }
                },
            };
            match item {
                None => return Ok(Restart::Resume),
                Some(Err(error)) if error.is_compacted() => return Ok(Restart::List),
                Some(Err(StorageError::Closed)) => return Err(StorageError::Closed),
                Some(Err(error)) => {
                    tracing::warn!(resource = %self.config.resource, %error, "watch of storage broke");
                    return Ok(Restart::Resume);
                }
                Some(Ok(WatchResponse::Progress { revision })) => self.advance(revision),
                Some(Ok(WatchResponse::Events(batch))) => {
                    let mut batches = vec![batch];
                    pending = more(&mut watch, &mut batches);
                    self.apply(&batches);
                }
            }
            *pause = FIRST_PAUSE;
        }
    }

    fn advance(&self, revision: u64) {
        let _order = self.dispatch.lock();
        let mut state = self.state.write();
        if revision > state.revision {
            state.revision = revision;
            drop(state);
            self.revision.send_replace(revision);
        }
    }

    /// Takes in batches that follow each other, and tells the watchers of all of them at once.
    fn apply(&self, batches: &[EventBatch]) {
        // Decoding is the expensive part and needs no lock: this task alone writes.
        let decoded: Vec<(u64, &StorageEvent, Option<Arc<CachedObject>>)> = batches
            .iter()
            .flat_map(|batch| batch.events.iter().map(|event| (batch.revision, event)))
            .map(|(revision, event)| match event {
                StorageEvent::Put { item } => (revision, event, self.decode(&item.key, &item.value, item.mod_revision)),
                StorageEvent::Delete { .. } => (revision, event, None),
            })
            .collect();
        let Some(last) = batches.last().map(|batch| batch.revision) else {
            return;
        };
        self.counts.received.add(decoded.len());
        let mut dispatch = self.dispatch.lock();
        let mut events = Vec::with_capacity(decoded.len());
        {
            let mut state = self.state.write();
            for (revision, event, object) in decoded {
                let previous = match &object {
                    Some(object) => state.insert(object.clone(), &self.config.indexed_fields),
                    // An undecodable object counts as gone: it cannot be served.
                    None => state.remove(&self.relative(event.key()), &self.config.indexed_fields),
                };
                if object.is_none() && previous.is_none() {
                    continue;
                }
                events.push(Arc::new(Event::new(revision, object, previous)));
                state.changed = revision;
            }
            state.revision = state.revision.max(last);
        }
        self.revision.send_replace(last);
        for event in &events {
            dispatch.window.push(event.clone());
        }
        self.counts.dispatched.add(events.len());
        dispatch.round.add(events);
        dispatch.tell(&self.config.indexed_fields, Round::tell_in_time);
    }

    fn relative(&self, key: &[u8]) -> String {
        String::from_utf8_lossy(&key[self.config.prefix.len().min(key.len())..]).into_owned()
    }

    fn decode(&self, key: &[u8], value: &[u8], revision: u64) -> Option<Arc<CachedObject>> {
        let relative = self.relative(key);
        if let Some(object) = self.announced.take(&self.config.codec, &relative, value, revision) {
            return Some(object);
        }
        match self.config.codec.decode(&relative, value, revision) {
            Ok(object) => Some(Arc::new(object)),
            Err(error) => {
                tracing::error!(resource = %self.config.resource, key = %relative, %error, "cannot decode a stored object");
                None
            }
        }
    }
}
