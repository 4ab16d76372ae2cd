//! [`TriggerTimes`]: since when a service's endpoints were to change, so that the delay can be measured.

use std::collections::HashMap;

use client_go::cache::ObjectKey;
use controller::workload::pods::condition;
use k8s_api::core::v1::{Pod, Service};
use k8s_api::meta::v1::ObjectMeta;
use k8s_api::primitives::Time;
use parking_lot::Mutex;

/// The annotation with that moment.
pub(crate) const ANNOTATION: &str = "endpoints.kubernetes.io/last-change-trigger-time";

#[derive(Default)]
struct Seen {
    service: Option<Time>,
    pods: HashMap<String, Time>,
}

/// What was seen of each service at the last reconcile.
#[derive(Default)]
pub(crate) struct TriggerTimes(Mutex<HashMap<ObjectKey, Seen>>);

fn pod_time(pod: &Pod) -> Option<Time> {
    condition(&pod.status, "Ready").and_then(|condition| condition.last_transition_time)
}

impl TriggerTimes {
    /// The earliest change since the last reconcile, if there is one that has a moment.
    pub(crate) fn earliest_change<'p>(
        &self,
        key: &ObjectKey,
        service: &Service,
        pods: impl IntoIterator<Item = &'p Pod>,
    ) -> Option<Time> {
        let now: HashMap<String, Time> = pods
            .into_iter()
            .filter_map(|pod| Some((pod.metadata.name.clone(), pod_time(pod)?)))
            .collect();
        let created = service.metadata.creation_timestamp;
        let mut seen = self.0.lock();
        let before = seen.entry(key.clone()).or_default();
        let new_pods = now
            .iter()
            .filter(|(name, time)| before.pods.get(*name).is_none_or(|before| before < *time))
            .map(|(_, time)| *time);
        let new_service = created.filter(|created| before.service.is_none_or(|before| before < *created));
        let earliest = new_pods.chain(new_service).min();
        *before = Seen {
            service: created,
            pods: now,
        };
        earliest
    }

    /// The service is gone.
    pub(crate) fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }
}

/// Notes the moment, or takes a former one away.
pub(crate) fn annotate(metadata: &mut ObjectMeta, time: Option<Time>) {
    match time {
        Some(time) => {
            metadata.annotations.insert(ANNOTATION.to_owned(), time.to_string());
        }
        None => {
            metadata.annotations.remove(ANNOTATION);
        }
    }
}
