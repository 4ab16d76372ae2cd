//! [`PodWaker`]: which owner a change of a pod is about.

use std::sync::Arc;

use apimachinery::selectors::{LabelSelectorError, Selector};
use client_go::api::ApiObject;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::expectations::UidExpectations;
use client_go::workqueue::WorkQueue;
use k8s_api::Object;
use k8s_api::core::v1::Pod;
use k8s_api::meta::v1::OwnerReference;

use super::{controller_of, pods};

/// What controls pods.
pub trait PodOwner: Object + ApiObject {
    /// Which pods are its own.
    ///
    /// # Errors
    /// It says so in terms that are none.
    fn pod_selector(&self) -> Result<Selector, LabelSelectorError>;

    /// How long a pod must be ready to be available, in seconds.
    fn min_ready_seconds(&self) -> i32 {
        0
    }
}

/// The owner of an object, if it is still the one that the reference means.
#[must_use]
pub fn resolve_owner<O: PodOwner>(owners: &Lister<O>, namespace: &str, reference: &OwnerReference) -> Option<Arc<O>> {
    if reference.kind != O::KIND {
        return None;
    }
    let owner = owners.get(namespace, &reference.name)?;
    (owner.metadata().uid == reference.uid).then_some(owner)
}

/// Wakes the owners of pods up, and tells their expectations what has come and gone. Pods without an owner wake those
/// who may want to adopt them.
#[derive(Clone)]
pub struct PodWaker<O> {
    owners: Lister<O>,
    queue: WorkQueue<ObjectKey>,
    expectations: Option<Arc<UidExpectations<ObjectKey>>>,
}

impl<O: PodOwner> PodWaker<O> {
    /// Wakes these owners by this queue.
    #[must_use]
    pub fn new(owners: Lister<O>, queue: WorkQueue<ObjectKey>) -> Self {
        Self {
            owners,
            queue,
            expectations: None,
        }
    }

    /// Tells these expectations.
    #[must_use]
    pub fn with_expectations(mut self, expectations: Arc<UidExpectations<ObjectKey>>) -> Self {
        self.expectations = Some(expectations);
        self
    }

    /// Takes one change.
    pub fn on_pod(&self, event: Event<Pod>) {
        match event {
            Event::Added { object, .. } => self.added(&object),
            Event::Updated { old, new } => self.updated(&old, &new),
            Event::Deleted { object, .. } => self.gone(&object),
        }
    }

    fn owner(&self, pod: &Pod) -> Option<Arc<O>> {
        resolve_owner(&self.owners, &pod.metadata.namespace, controller_of(&pod.metadata)?)
    }

    fn wake(&self, owner: &O) {
        self.queue.add(ObjectKey::of(owner));
    }

    fn wake_those_that_match(&self, pod: &Pod) {
        for owner in self.owners.list_namespace(&pod.metadata.namespace) {
            let matches = owner
                .pod_selector()
                .is_ok_and(|selector| selector.matches(&pod.metadata.labels));
            if matches {
                self.wake(&owner);
            }
        }
    }

    fn added(&self, pod: &Pod) {
        if pod.metadata.deletion_timestamp.is_some() {
            // After a restart pods that are on their way out are seen for the first time.
            self.gone(pod);
        } else if controller_of(&pod.metadata).is_none() {
            self.wake_those_that_match(pod);
        } else if let Some(owner) = self.owner(pod) {
            let key = ObjectKey::of(&*owner);
            if let Some(expectations) = &self.expectations {
                expectations.creation_observed(&key);
            }
            self.queue.add(key);
        }
    }

    fn updated(&self, old: &Pod, new: &Pod) {
        if old.metadata.resource_version == new.metadata.resource_version {
            return;
        }
        let labels_changed = old.metadata.labels != new.metadata.labels;
        if new.metadata.deletion_timestamp.is_some() {
            // From here on the pod counts as gone, however long its end takes.
            self.gone(new);
            if labels_changed {
                self.gone(old);
            }
            return;
        }
        let new_reference = controller_of(&new.metadata);
        let owner_changed = controller_of(&old.metadata) != new_reference;
        if owner_changed && let Some(owner) = self.owner(old) {
            self.wake(&owner);
        }
        if new_reference.is_none() {
            if labels_changed || owner_changed {
                self.wake_those_that_match(new);
            }
            return;
        }
        let Some(owner) = self.owner(new) else { return };
        self.wake(&owner);
        if !pods::is_ready(old) && pods::is_ready(new) && owner.min_ready_seconds() > 0 {
            self.queue
                .add_after(ObjectKey::of(&*owner), pods::seconds(owner.min_ready_seconds()));
        }
    }

    fn gone(&self, pod: &Pod) {
        if let Some(owner) = self.owner(pod) {
            let key = ObjectKey::of(&*owner);
            if let Some(expectations) = &self.expectations {
                expectations.deletion_observed(&key, &pods::key(pod));
            }
            self.queue.add(key);
        }
    }
}
