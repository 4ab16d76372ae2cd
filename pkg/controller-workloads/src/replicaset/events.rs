//! What wakes a set up: its own changes, its pods', and those of pods that nobody owns.

use std::sync::Arc;

use client_go::cache::{Event, ObjectKey};
use controller::workload::{controller_of, pods};
use k8s_api::core::v1::Pod;
use k8s_api::meta::v1::OwnerReference;

use super::ReplicaSetController;
use super::kind::Replicated;

impl<T: Replicated> ReplicaSetController<T> {
    pub(super) fn on_set(&self, event: Event<T>) {
        let key = ObjectKey::of(&**event.object());
        if matches!(event, Event::Deleted { .. }) {
            // Another set of this name must not wait for this one's pods.
            self.expectations.forget(&key);
        }
        self.queue.add(key);
    }

    pub(super) fn on_pod(&self, event: Event<Pod>) {
        match event {
            Event::Added { object, .. } => self.pod_added(&object),
            Event::Updated { old, new } => self.pod_updated(&old, &new),
            Event::Deleted { object, .. } => self.pod_deleted(&object),
        }
    }

    /// The set that a reference names, if it is this one and no other of the name.
    fn resolve(&self, namespace: &str, reference: &OwnerReference) -> Option<Arc<T>> {
        if reference.kind != T::KIND {
            return None;
        }
        let set = self.sets.get(namespace, &reference.name)?;
        (set.metadata().uid == reference.uid).then_some(set)
    }

    fn owner(&self, pod: &Pod) -> Option<Arc<T>> {
        self.resolve(&pod.metadata.namespace, controller_of(&pod.metadata)?)
    }

    fn enqueue(&self, set: &T) {
        self.queue.add(ObjectKey::of(set));
    }

    fn enqueue_those_that_match(&self, pod: &Pod) {
        for set in self.sets.list_namespace(&pod.metadata.namespace) {
            let matches = set
                .pod_selector()
                .is_ok_and(|selector| selector.matches(&pod.metadata.labels));
            if matches {
                self.enqueue(&set);
            }
        }
    }

    fn pod_added(&self, pod: &Pod) {
        if pod.metadata.deletion_timestamp.is_some() {
            // After a restart pods that are on their way out are seen for the first time.
            self.pod_deleted(pod);
        } else if controller_of(&pod.metadata).is_none() {
            self.enqueue_those_that_match(pod);
        } else if let Some(set) = self.owner(pod) {
            let key = ObjectKey::of(&*set);
            self.expectations.creation_observed(&key);
            self.queue.add(key);
        }
    }

    fn pod_updated(&self, old: &Pod, new: &Pod) {
        if old.metadata.resource_version == new.metadata.resource_version {
            return;
        }
        let labels_changed = old.metadata.labels != new.metadata.labels;
        if new.metadata.deletion_timestamp.is_some() {
            // From here on the pod counts as gone, however long its end takes.
            self.pod_deleted(new);
            if labels_changed {
                self.pod_deleted(old);
            }
            return;
        }
        let (old_owner, new_owner) = (controller_of(&old.metadata), controller_of(&new.metadata));
        let owner_changed = old_owner != new_owner;
        if owner_changed && let Some(set) = self.owner(old) {
            self.enqueue(&set);
        }
        if new_owner.is_none() {
            if labels_changed || owner_changed {
                self.enqueue_those_that_match(new);
            }
            return;
        }
        let Some(set) = self.owner(new) else { return };
        self.enqueue(&set);
        if !pods::is_ready(old) && pods::is_ready(new) && set.min_ready_seconds() > 0 {
            self.queue
                .add_after(ObjectKey::of(&*set), pods::seconds(set.min_ready_seconds()));
        }
    }

    fn pod_deleted(&self, pod: &Pod) {
        if let Some(set) = self.owner(pod) {
            let key = ObjectKey::of(&*set);
            self.expectations.deletion_observed(&key, &pods::key(pod));
            self.queue.add(key);
        }
    }
}
