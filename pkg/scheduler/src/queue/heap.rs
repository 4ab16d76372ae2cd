//! A heap whose elements can be found, changed and removed by UID.

use std::cmp::Ordering;
use std::collections::HashMap;

use super::QueuedPod;

/// Pods, the least of them first by an order that is given with every call.
#[derive(Default)]
pub(super) struct PodHeap {
    pods: Vec<QueuedPod>,
    places: HashMap<String, usize>,
}

impl PodHeap {
    pub(super) fn len(&self) -> usize {
        self.pods.len()
    }

    pub(super) fn contains(&self, uid: &str) -> bool {
        self.places.contains_key(uid)
    }

    pub(super) fn get(&self, uid: &str) -> Option<&QueuedPod> {
        self.places.get(uid).map(|place| &self.pods[*place])
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &QueuedPod> {
        self.pods.iter()
    }

    pub(super) fn first(&self) -> Option<&QueuedPod> {
        self.pods.first()
    }

    /// Adds a pod, in the place of one of the same UID.
    pub(super) fn push(&mut self, pod: QueuedPod, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) {
        let uid = pod.info.uid().to_owned();
        let place = match self.places.get(&uid) {
            Some(place) => {
                self.pods[*place] = pod;
                *place
            }
            None => {
                self.pods.push(pod);
                let place = self.pods.len() - 1;
                self.places.insert(uid, place);
                place
            }
        };
        self.settle(place, order);
    }

    pub(super) fn pop(&mut self, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) -> Option<QueuedPod> {
        (!self.pods.is_empty()).then(|| self.take(0, order))
    }

    pub(super) fn remove(
        &mut self,
        uid: &str,
        order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering,
    ) -> Option<QueuedPod> {
        let place = self.places.get(uid).copied()?;
        Some(self.take(place, order))
    }

    fn take(&mut self, place: usize, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) -> QueuedPod {
        let pod = self.pods.swap_remove(place);
        self.places.remove(pod.info.uid());
        if place < self.pods.len() {
            self.note(place);
            self.settle(place, order);
        }
        pod
    }

    fn note(&mut self, place: usize) {
        let uid = self.pods[place].info.uid();
        if let Some(noted) = self.places.get_mut(uid) {
            *noted = place;
        }
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.pods.swap(a, b);
        self.note(a);
        self.note(b);
    }

    fn less(&self, a: usize, b: usize, order: &impl Fn(&QueuedPod, &QueuedPod) -> Ordering) -> bool {
        order(&self.pods[a], &self.pods[b]).is_lt()
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
            for child in children.into_iter().filter(|child| *child < self.pods.len()) {
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
