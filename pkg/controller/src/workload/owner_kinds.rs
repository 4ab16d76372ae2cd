//! The kinds that control pods.

use apimachinery::selectors::{LabelSelectorError, Selector};
use k8s_api::apps::v1::{DaemonSet, ReplicaSet, StatefulSet};
use k8s_api::batch::v1::Job;
use k8s_api::core::v1::ReplicationController;

use super::PodOwner;

macro_rules! pod_owners {
    ($($kind:ty),*) => {$(
        impl PodOwner for $kind {
            fn pod_selector(&self) -> Result<Selector, LabelSelectorError> {
                Selector::from_api(self.spec.selector.as_deref())
            }

            fn min_ready_seconds(&self) -> i32 {
                self.spec.min_ready_seconds
            }
        }
    )*};
}

pod_owners!(ReplicaSet, StatefulSet, DaemonSet);

impl PodOwner for ReplicationController {
    fn pod_selector(&self) -> Result<Selector, LabelSelectorError> {
        Ok(Selector::from_labels(self.spec.selector.iter()))
    }

    fn min_ready_seconds(&self) -> i32 {
        self.spec.min_ready_seconds
    }
}

impl PodOwner for Job {
    fn pod_selector(&self) -> Result<Selector, LabelSelectorError> {
        Selector::from_api(self.spec.selector.as_deref())
    }
}
