//! Events that happen while pods are being scheduled.
//!
//! A pod that comes back unschedulable is held against the events since it was taken out. Pods and events stand in one
//! list in the order in which they came; what stands before the first pod is needed by nobody.

use std::collections::{HashMap, VecDeque};

use scheduler_framework::events::{ClusterEvent, EventObjects};

enum Entry {
    /// A pod was taken out here; `false` once it is done.
    Pod(bool),
    Event(ClusterEvent, EventObjects),
}

/// The list.
#[derive(Default)]
pub(super) struct InFlight {
    entries: VecDeque<Entry>,
    /// The number of the first entry.
    first: u64,
    pods: HashMap<String, u64>,
    events: usize,
}

impl InFlight {
    pub(super) fn contains(&self, uid: &str) -> bool {
        self.pods.contains_key(uid)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pods.is_empty()
    }

    pub(super) fn pods(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn events(&self) -> usize {
        self.events
    }

    /// A pod is taken out; false if it already was.
    pub(super) fn start(&mut self, uid: &str) -> bool {
        if self.contains(uid) {
            return false;
        }
        let number = self.first + self.entries.len() as u64;
        self.pods.insert(uid.to_owned(), number);
        self.entries.push_back(Entry::Pod(true));
        true
    }

    /// An event happens; it is kept if any pod is out.
    pub(super) fn add(&mut self, event: ClusterEvent, objects: &EventObjects) {
        if !self.is_empty() {
            self.events += 1;
            self.entries.push_back(Entry::Event(event, objects.clone()));
        }
    }

    /// The events since a pod was taken out; `None` if it is not out.
    pub(super) fn events_since(&self, uid: &str) -> Option<Vec<(ClusterEvent, EventObjects)>> {
        let place = usize::try_from(self.pods.get(uid)? - self.first).unwrap_or(usize::MAX);
        let events = self.entries.range(place..).filter_map(|entry| match entry {
            Entry::Event(event, objects) => Some((*event, objects.clone())),
            Entry::Pod(_) => None,
        });
        Some(events.collect())
    }

    /// A pod has come to an end, one way or the other.
    pub(super) fn done(&mut self, uid: &str) {
        let Some(number) = self.pods.remove(uid) else { return };
        let place = usize::try_from(number - self.first).unwrap_or(usize::MAX);
        if let Some(entry) = self.entries.get_mut(place) {
            *entry = Entry::Pod(false);
        }
        while let Some(Entry::Pod(false) | Entry::Event(..)) = self.entries.front() {
            if let Some(Entry::Event(..)) = self.entries.pop_front() {
                self.events -= 1;
            }
            self.first += 1;
        }
    }
}
