//! What becomes of a pod that could not be scheduled or bound: back to the queue, with an event and a condition.

use std::sync::Arc;
use std::time::Instant;

use client_go::events::{EventType, reference};
use k8s_api::core::v1::PodCondition;
use scheduler_framework::PodInfo;
use scheduler_plugins::pod_status::StatusPatch;

use super::{Failed, Failure, Scheduler};
use crate::framework::Profile;

/// The longest note of an event.
const NOTE_LIMIT: usize = 1024;

/// A message short enough for an event.
fn truncated(message: &str) -> String {
    const SUFFIX: &str = " ...";
    if message.len() <= NOTE_LIMIT {
        return message.to_owned();
    }
    let end = message.floor_char_boundary(NOTE_LIMIT - SUFFIX.len());
    format!("{}{SUFFIX}", &message[..end])
}

impl Scheduler {
    /// Puts a pod back, and tells why.
    pub(super) fn handle_failure(self: &Arc<Self>, profile: &Profile, failed: Failed, began: Instant) {
        let Failed {
            mut pod,
            failure,
            nominating,
        } = failed;
        let message = failure.message();
        let rejected = failure.is_rejection();
        let result = if rejected { "unschedulable" } else { "error" };
        self.metrics.attempt(result, &profile.name, began.elapsed());
        pod.unschedulable_plugins.clear();
        pod.pending_plugins.clear();
        match failure {
            Failure::Fit(error) => {
                pod.unschedulable_plugins = error.diagnosis.unschedulable_plugins;
                pod.pending_plugins = error.diagnosis.pending_plugins;
                tracing::debug!(pod = pod.info.key(), message, "Unable to schedule pod; no fit; waiting");
            }
            Failure::NoNodes => {
                tracing::debug!(
                    pod = pod.info.key(),
                    "Unable to schedule pod; no nodes are registered to the cluster"
                );
            }
            Failure::Error(_) => tracing::error!(pod = pod.info.key(), message, "Error scheduling pod; retrying"),
        }
        let uid = pod.info.uid().to_owned();
        let known = self.pods.get(pod.info.namespace(), pod.info.name());
        let info = match known {
            // Deleted meanwhile.
            None => {
                self.queue.done(&uid);
                pod.info.clone()
            }
            // Bound though it looked as if it had failed.
            Some(known) if !known.spec.node_name.is_empty() => {
                self.queue.done(&uid);
                pod.info.clone()
            }
            Some(known) if known.metadata.uid != uid => {
                self.queue.done(&uid);
                return;
            }
            Some(known) => {
                if !Arc::ptr_eq(&known, &pod.info.pod) {
                    pod.info = Arc::new(PodInfo::new(known, self.pod_options));
                }
                let info = pod.info.clone();
                self.queue.add_unschedulable(pod);
                info
            }
        };
        self.queue.nominate(&info, &nominating);
        profile.recorder.event_for(
            reference(&*info.pod),
            None,
            EventType::Warning,
            "FailedScheduling",
            "Scheduling",
            truncated(&message),
        );
        let condition = PodCondition {
            type_: "PodScheduled".to_owned(),
            status: "False".to_owned(),
            reason: if rejected { "Unschedulable" } else { "SchedulerError" }.to_owned(),
            message,
            observed_generation: info.pod.metadata.generation,
            ..PodCondition::default()
        };
        let patch = StatusPatch::default()
            .condition(&info.pod, &condition)
            .nominating(&info.pod, &nominating);
        if patch.is_empty() {
            return;
        }
        let client = self.client.clone();
        let write = async move {
            match patch.send(&client, &info.pod).await {
                Ok(()) => {}
                // The pod is gone, or is another by now; the informer tells.
                Err(error) if error.is_not_found() || error.is_conflict() => {
                    tracing::debug!(%error, pod = info.key(), "pod status not updated");
                }
                Err(error) => tracing::error!(%error, pod = info.key(), "Error updating pod"),
            }
        };
        self.runtime.spawn(self.bindings.track_future(write));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_messages_are_cut() {
        assert_eq!(truncated("short"), "short");
        let cut = truncated(&"é".repeat(1000));
        assert!(cut.len() <= NOTE_LIMIT && cut.ends_with("é ..."), "{}", cut.len());
    }
}
