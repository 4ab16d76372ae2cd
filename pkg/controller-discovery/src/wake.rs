//! [`ServiceWaker`]: which services a change of a pod is about.

use std::time::Duration;

use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::WorkQueue;
use k8s_api::core::v1::{Pod, Service};

use crate::pods::{endpoint_changed, matches};

/// Wakes services up, after a while in which other changes may come.
#[derive(Clone)]
pub(crate) struct ServiceWaker {
    pub(crate) services: Lister<Service>,
    pub(crate) queue: WorkQueue<ObjectKey>,
    pub(crate) batch_period: Duration,
}

impl ServiceWaker {
    fn wake(&self, pod: &Pod, also: impl Fn(&Service) -> bool) {
        for service in self.services.list_namespace(&pod.metadata.namespace) {
            if also(&service) {
                self.queue.add_after(ObjectKey::of(&*service), self.batch_period);
            }
        }
    }

    pub(crate) fn on_pod(&self, event: Event<Pod>) {
        match event {
            Event::Added { object: pod, .. } | Event::Deleted { object: pod, .. } => {
                self.wake(&pod, |service| matches(service, &pod));
            }
            Event::Updated { old, new } => {
                if old.metadata.resource_version == new.metadata.resource_version {
                    return;
                }
                if endpoint_changed(&old, &new) {
                    self.wake(&new, |service| matches(service, &new) || matches(service, &old));
                } else if old.metadata.labels != new.metadata.labels {
                    // Only those that gain or lose the pod.
                    self.wake(&new, |service| matches(service, &new) != matches(service, &old));
                }
            }
        }
    }
}
