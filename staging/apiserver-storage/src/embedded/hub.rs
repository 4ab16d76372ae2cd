//! Watches of the embedded store: the writer hands each committed transaction to the watches it concerns.
//!
//! A watch is *synced* when it has been given everything up to the hub's head: then new events are put into its queue. A watch from the past, or one
//! whose queue ran full, is *lagging*: it reads the log by itself until it meets the head. So a slow watch costs nobody memory or time, and none loses
//! an event. Lock order: hub before queue; neither is held across an await.

use std::collections::VecDeque;
use std::sync::Arc;

use arc_swap::ArcSwap;
use futures::stream;
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::layer::Entry;
use super::snapshot::Snapshot;
use crate::{Error, EventBatch, KeyRange, ProgressRequester, Result, Revision, Watch, WatchResponse};

/// Undelivered responses of one watch; a watch that falls behind further reads the log instead.
const QUEUE_LIMIT: usize = 1024;
/// Log records (and kilobytes of values) that a lagging watch reads at a time.
const HISTORY_CHUNK: usize = 1024;

/// A committed transaction, on its way to the watches.
pub(super) struct Committed {
    pub(super) revision: Revision,
    pub(super) changes: Vec<Arc<Entry>>,
}

/// The latest state for readers, and the watches.
pub(super) struct Hub {
    snapshot: ArcSwap<Snapshot>,
    state: Mutex<HubState>,
}

struct HubState {
    /// Every transaction up to here has been given to the synced watches.
    head: Revision,
    slots: Vec<Arc<Slot>>,
    closed: bool,
}

struct Slot {
    range: KeyRange,
    /// Events before this revision are not wanted.
    from: Revision,
    queue: Mutex<Queue>,
    wake: Notify,
}

#[derive(Default)]
struct Queue {
    responses: VecDeque<WatchResponse>,
    /// The revision from which on events are not put into the queue but read from the log.
    lagging: Option<Revision>,
    /// Progress was asked for while lagging.
    progress: bool,
    error: Option<Error>,
}

impl Hub {
    pub(super) fn new(snapshot: Snapshot) -> Self {
        let head = snapshot.revision;
        Self {
            snapshot: ArcSwap::from_pointee(snapshot),
            state: Mutex::new(HubState {
                head,
                slots: Vec::new(),
                closed: false,
            }),
        }
    }

    /// The latest committed state.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// Makes a commit visible: first to readers, then to watches, as one step for whoever asks for progress.
    pub(super) fn publish(&self, snapshot: Snapshot, transactions: Vec<Committed>) {
        let snapshot = Arc::new(snapshot);
        let mut state = self.state.lock();
        state.head = snapshot.revision;
        self.snapshot.store(Arc::clone(&snapshot));
        for transaction in transactions {
            dispatch(&state.slots, &transaction);
        }
    }

    /// Ends all watches; later ones are refused.
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        for slot in state.slots.drain(..) {
            slot.queue.lock().error = Some(Error::Closed);
            slot.wake.notify_one();
        }
    }

    pub(super) fn watch(self: &Arc<Self>, range: KeyRange, from: Option<Revision>) -> Result<Watch> {
        let mut state = self.state.lock();
        if state.closed {
            return Err(Error::Closed);
        }
        let from = from.unwrap_or(state.head + 1);
        let compact_revision = self.snapshot.load().compact_revision;
        if from < compact_revision {
            return Err(Error::Compacted {
                requested: from,
                compact_revision,
            });
        }
        let queue = Queue {
            lagging: (from <= state.head).then_some(from),
            ..Queue::default()
        };
        let slot = Arc::new(Slot {
            range,
            from,
            queue: Mutex::new(queue),
            wake: Notify::new(),
        });
        state.slots.push(Arc::clone(&slot));
        drop(state);

        let requester = {
            let (hub, slot) = (Arc::downgrade(self), Arc::downgrade(&slot));
            ProgressRequester::new(move || {
                if let (Some(hub), Some(slot)) = (hub.upgrade(), slot.upgrade()) {
                    hub.request_progress(&slot);
                }
            })
        };
        let reader = Reader {
            hub: Arc::clone(self),
            slot,
            next: from,
            pending: VecDeque::new(),
            ended: false,
        };
        let responses = stream::unfold(reader, |mut reader| async move {
            reader.next().await.map(|item| (item, reader))
        });
        Ok(Watch::new(Box::pin(responses), requester))
    }

    /// How many watches there are.
    #[cfg(test)]
    pub(super) fn watches(&self) -> usize {
        self.state.lock().slots.len()
    }

    fn request_progress(&self, slot: &Slot) {
        let state = self.state.lock();
        let mut queue = slot.queue.lock();
        if queue.lagging.is_some() {
            queue.progress = true;
            return;
        }
        let progress = WatchResponse::Progress { revision: state.head };
        if queue.responses.back() != Some(&progress) {
            queue.responses.push_back(progress);
        }
        slot.wake.notify_one();
    }

    /// Declares a watch synced that has everything before `next`; false if there is more by now.
    fn sync(&self, slot: &Slot, next: Revision) -> bool {
        let state = self.state.lock();
        if next <= state.head {
            return false;
        }
        let mut queue = slot.queue.lock();
        queue.lagging = None;
        if std::mem::take(&mut queue.progress) {
            queue
                .responses
                .push_back(WatchResponse::Progress { revision: state.head });
        }
        true
    }
}

/// Puts a transaction's events into the queues of the watches they concern.
fn dispatch(slots: &[Arc<Slot>], transaction: &Committed) {
    let Committed { revision, changes } = transaction;
    for slot in slots {
        if *revision < slot.from || !changes.iter().any(|change| slot.range.contains(&change.key)) {
            continue;
        }
        let mut queue = slot.queue.lock();
        if queue.lagging.is_some() {
            continue;
        }
        if queue.responses.len() < QUEUE_LIMIT {
            let wanted = changes.iter().filter(|change| slot.range.contains(&change.key));
            queue.responses.push_back(WatchResponse::Events(EventBatch {
                revision: *revision,
                events: wanted.map(|change| change.event()).collect(),
            }));
        } else {
            queue.lagging = Some(*revision);
        }
        drop(queue);
        slot.wake.notify_one();
    }
}

/// The consuming side of a watch.
struct Reader {
    hub: Arc<Hub>,
    slot: Arc<Slot>,
    /// Everything before this revision has been taken from queue or log.
    next: Revision,
    pending: VecDeque<WatchResponse>,
    ended: bool,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<WatchResponse>> {
        loop {
            if let Some(response) = self.pending.pop_front() {
                return Some(Ok(response));
            }
            if self.ended {
                return None;
            }
            let lagging = {
                let mut queue = self.slot.queue.lock();
                if let Some(error) = queue.error.take() {
                    self.ended = true;
                    return Some(Err(error));
                }
                std::mem::swap(&mut self.pending, &mut queue.responses);
                queue.lagging.filter(|_| self.pending.is_empty())
            };
            for response in &self.pending {
                if let WatchResponse::Events(batch) = response {
                    self.next = self.next.max(batch.revision + 1);
                }
            }
            if let Some(from) = lagging {
                self.next = self.next.max(from);
                if let Err(error) = self.read_history().await {
                    self.ended = true;
                    return Some(Err(error));
                }
            } else if self.pending.is_empty() {
                self.slot.wake.notified().await;
            }
        }
    }

    /// Reads a piece of the log, and joins the synced watches if that was the last one.
    async fn read_history(&mut self) -> Result<()> {
        let snapshot = self.hub.snapshot();
        let compact_revision = snapshot.compact_revision;
        if self.next < compact_revision {
            return Err(Error::Compacted {
                requested: self.next,
                compact_revision,
            });
        }
        let (slot, next) = (Arc::clone(&self.slot), self.next);
        let read = tokio::task::spawn_blocking(move || snapshot.events(&slot.range, next, HISTORY_CHUNK));
        let (batches, next) = read.await.map_err(|error| Error::Unavailable(error.to_string()))??;
        self.pending.extend(batches.into_iter().map(WatchResponse::Events));
        self.next = self.next.max(next);
        self.hub.sync(&self.slot, self.next);
        Ok(())
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        let mut state = self.hub.state.lock();
        if let Some(at) = state.slots.iter().position(|slot| Arc::ptr_eq(slot, &self.slot)) {
            state.slots.swap_remove(at);
        }
    }
}
