//! [`Evictions`]: pods that have to go, each at its moment.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use client_go::cache::ObjectKey;
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// A pod that has to go.
#[derive(Clone, Copy, Debug)]
struct Eviction {
    due: Instant,
    /// It is being deleted.
    under_way: bool,
}

#[derive(Debug, Default)]
struct State {
    pods: HashMap<ObjectKey, Eviction>,
    /// Those that wait, by moment.
    waiting: BTreeSet<(Instant, ObjectKey)>,
}

/// Pods that have to go. One task waits for the next moment, however many there are.
#[derive(Debug, Default)]
pub(super) struct Evictions {
    state: Mutex<State>,
    changed: Notify,
}

impl State {
    /// Forgets a pod. Whether it was waiting.
    fn remove(&mut self, key: &ObjectKey) -> bool {
        let Some(eviction) = self.pods.remove(key) else {
            return false;
        };
        self.waiting.remove(&(eviction.due, key.clone()))
    }
}

impl Evictions {
    /// A pod has to go after a time. If that is settled already the earlier decision counts: a new look does not begin the
    /// wait anew.
    pub(super) fn schedule(&self, key: ObjectKey, after: Duration) {
        let mut state = self.state.lock();
        if state.pods.contains_key(&key) {
            return;
        }
        let due = Instant::now() + after;
        let eviction = Eviction { due, under_way: false };
        state.pods.insert(key.clone(), eviction);
        state.waiting.insert((due, key));
        self.changed.notify_one();
    }

    /// A pod may stay. Whether it was waiting to go.
    pub(super) fn cancel(&self, key: &ObjectKey) -> bool {
        self.state.lock().remove(key)
    }

    /// A pod's deletion is over.
    pub(super) fn done(&self, key: &ObjectKey) {
        let mut state = self.state.lock();
        if state.pods.get(key).is_some_and(|eviction| eviction.under_way) {
            state.pods.remove(key);
        }
    }

    /// Waits for the next moment. Cancel safe.
    pub(super) async fn next_due(&self) -> (ObjectKey, Instant) {
        loop {
            let changed = self.changed.notified();
            let next = {
                let mut state = self.state.lock();
                match state.waiting.first().map(|(due, _)| *due) {
                    Some(due) if due <= Instant::now() => {
                        let (due, key) = state.waiting.pop_first().expect("the set has a first entry");
                        if let Some(eviction) = state.pods.get_mut(&key) {
                            eviction.under_way = true;
                        }
                        return (key, due);
                    }
                    next => next,
                }
            };
            match next {
                None => changed.await,
                Some(due) => tokio::select! {
                    () = changed => {}
                    () = sleep_until(due) => {}
                },
            }
        }
    }
}
