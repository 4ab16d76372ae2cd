//! A heap whose elements can be found, changed and removed by UID.
//!
//! Pods stay where they are; what is ordered is their numbers, so that a step up or down moves no pod and looks none up.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::QueuedPod;

/// A pod, and where its number is.
struct Entry {
    pod: QueuedPod,
    place: usize,
}

/// Pods, the least of them first by an order that is given with every call.
#[derive(Default)]
pub(super) struct PodHeap {
    /// By number.
    entries: Vec<Option<Entry>>,
    /// Numbers that are free.
    free: Vec<usize>,
    /// The numbers of the pods, in the heap's order.
    numbers: Vec<usize>,
    by_uid: HashMap<String, usize>,
}

impl PodHeap {
    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    pub(super) fn contains(&self, uid: &str) -> bool {
        self.by_uid.contains_key(uid)
    }

    pub(super) fn get(&self, uid: &str) -> Option<&QueuedPod> {
        self.by_uid.get(uid).map(|number| &self.entry(*number).pod)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &QueuedPod> {
        self.numbers.iter().map(|number| &self.entry(*number).pod)
    }

    pub(super) fn first(&self) -> Option<&QueuedPod> {
        self.iter().next()
    }

    /// Adds a pod, in the place of one of the same UID.
    pub(super) fn push(&mut self, pod: QueuedPod, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) {
        if let Some(number) = self.by_uid.get(pod.info.uid()).copied() {
            let entry = self.entry_mut(number);
            entry.pod = pod;
            let place = entry.place;
            self.settle(place, order);
            return;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.entries.push(None);
            self.entries.len() - 1
        });
        let place = self.numbers.len();
        self.by_uid.insert(pod.info.uid().to_owned(), number);
        self.entries[number] = Some(Entry { pod, place });
        self.numbers.push(number);
        self.settle(place, order);
    }

    pub(super) fn pop(&mut self, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) -> Option<QueuedPod> {
        let number = *self.numbers.first()?;
        self.take(number, order)
    }

    pub(super) fn remove(
        &mut self,
        uid: &str,
        order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering,
    ) -> Option<QueuedPod> {
        let number = self.by_uid.get(uid).copied()?;
        self.take(number, order)
    }

    fn take(&mut self, number: usize, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) -> Option<QueuedPod> {
        let Entry { pod, place } = self.entries[number].take()?;
        self.free.push(number);
        self.by_uid.remove(pod.info.uid());
        self.numbers.swap_remove(place);
        if let Some(moved) = self.numbers.get(place).copied() {
            self.entry_mut(moved).place = place;
            self.settle(place, order);
        }
        Some(pod)
    }

    fn entry(&self, number: usize) -> &Entry {
        self.entries[number].as_ref().expect("a number in the heap has a pod")
    }

    fn entry_mut(&mut self, number: usize) -> &mut Entry {
        self.entries[number].as_mut().expect("a number in the heap has a pod")
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.numbers.swap(a, b);
        for place in [a, b] {
            let number = self.numbers[place];
            self.entry_mut(number).place = place;
        }
    }

    fn less(&self, a: usize, b: usize, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) -> bool {
        let pod = |place: usize| &self.entry(self.numbers[place]).pod;
        order(pod(a), pod(b)).is_lt()
    }

    /// Moves a pod up or down to where it belongs.
    fn settle(&mut self, mut place: usize, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) {
        while place > 0 && self.less(place, (place - 1) / 2, order) {
            self.swap(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
        loop {
            let children = [2 * place + 1, 2 * place + 2];
            let mut least = place;
            for child in children.into_iter().filter(|child| *child < self.numbers.len()) {
                if self.less(child, least, order) {
                    least = child;
                }
            }
            if least == place {
                return;
            }
            self.swap(place, least);
            place = least;
        }
    }
}
