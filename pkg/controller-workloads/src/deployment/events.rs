//! What wakes a deployment up: its own changes and its replica sets'; for strategy Recreate also the end of its last pod.

use std::sync::Arc;

use apimachinery::selectors::Selector;
use client_go::cache::{Event, ObjectKey};
use controller::workload::controller_of;
use k8s_api::apps::v1::{Deployment, ReplicaSet};
use k8s_api::core::v1::Pod;
use k8s_api::meta::v1::ObjectMeta;

use super::DeploymentController;

impl DeploymentController {
    pub(super) fn on_deployment(&self, event: &Event<Deployment>) {
        self.queue.add(ObjectKey::of(&**event.object()));
    }

    fn owner(&self, metadata: &ObjectMeta) -> Option<Arc<Deployment>> {
        let reference = controller_of(metadata).filter(|reference| reference.kind == "Deployment")?;
        let deployment = self.deployments.get(&metadata.namespace, &reference.name)?;
        (deployment.metadata.uid == reference.uid).then_some(deployment)
    }

    fn wake_owner(&self, set: &ReplicaSet) {
        if let Some(deployment) = self.owner(&set.metadata) {
            self.queue.add(ObjectKey::of(&*deployment));
        }
    }

    fn wake_those_that_match(&self, set: &ReplicaSet) {
        for deployment in self.deployments.list_namespace(&set.metadata.namespace) {
            let matches = Selector::from_api(deployment.spec.selector.as_deref())
                .is_ok_and(|selector| !selector.is_everything() && selector.matches(&set.metadata.labels));
            if matches {
                self.queue.add(ObjectKey::of(&*deployment));
            }
        }
    }

    pub(super) fn on_set(&self, event: Event<ReplicaSet>) {
        match event {
            Event::Added { object, .. } => {
                let orphan = controller_of(&object.metadata).is_none();
                if orphan && object.metadata.deletion_timestamp.is_none() {
                    self.wake_those_that_match(&object);
                } else {
                    self.wake_owner(&object);
                }
            }
            Event::Updated { old, new } => {
                if old.metadata.resource_version == new.metadata.resource_version {
                    return;
                }
                let owners = (controller_of(&old.metadata), controller_of(&new.metadata));
                let owner_changed = owners.0 != owners.1;
                if owner_changed {
                    self.wake_owner(&old);
                }
                if owners.1.is_some() {
                    self.wake_owner(&new);
                } else if owner_changed || old.metadata.labels != new.metadata.labels {
                    self.wake_those_that_match(&new);
                }
            }
            Event::Deleted { object, .. } => self.wake_owner(&object),
        }
    }

    pub(super) fn on_pod(&self, event: &Event<Pod>) {
        let Event::Deleted { object: pod, .. } = event else {
            return;
        };
        let Some(reference) = controller_of(&pod.metadata).filter(|reference| reference.kind == "ReplicaSet") else {
            return;
        };
        let Some(set) = self.sets.get(&pod.metadata.namespace, &reference.name) else {
            return;
        };
        if set.metadata.uid != reference.uid {
            return;
        }
        let Some(deployment) = self.owner(&set.metadata) else {
            return;
        };
        if deployment.spec.strategy.type_ == "Recreate" && self.pods_of(&set).is_empty() {
            self.queue.add(ObjectKey::of(&*deployment));
        }
    }
}
