//! Pods that were to be disrupted, and were not: the condition that says so is taken back.

use std::sync::Arc;
use std::time::Duration;

use client_go::cache::ObjectKey;
use client_go::workqueue::Outcome;
use controller::workload::SyncError;
use controller_objects::pods::{DISRUPTION_TARGET, condition, is_terminal, set_condition};
use k8s_api::core::v1::{Pod, PodCondition};

use crate::DisruptionController;

/// How long a pod may be about to be disrupted.
const STALE_AFTER: Duration = Duration::from_secs(120);

impl DisruptionController {
    /// How long it is until the pod's condition is stale; nothing if it never is.
    pub(crate) fn until_stale(&self, pod: &Pod) -> Option<Duration> {
        if pod.metadata.deletion_timestamp.is_some() || is_terminal(pod) {
            return None;
        }
        // The kubelet may take as long as it needs.
        let target = condition(&pod.status, DISRUPTION_TARGET)
            .filter(|target| target.status == "True" && target.reason != "TerminationByKubelet")?;
        let age = target
            .last_transition_time
            .map_or(Duration::MAX, |since| self.clock.since(since));
        Some(STALE_AFTER.saturating_sub(age))
    }

    pub(crate) async fn clean_stale(self: Arc<Self>, key: ObjectKey) -> Result<Outcome, SyncError> {
        let Some(pod) = self.pods.get_key(&key) else {
            return Ok(Outcome::Done);
        };
        match self.until_stale(&pod) {
            None => return Ok(Outcome::Done),
            Some(wait) if !wait.is_zero() => return Ok(Outcome::RequeueAfter(wait)),
            Some(_) => {}
        }
        let mut pod = Pod::clone(&pod);
        let taken_back = PodCondition {
            type_: DISRUPTION_TARGET.to_owned(),
            status: "False".to_owned(),
            ..PodCondition::default()
        };
        set_condition(&mut pod.status, taken_back, self.clock.now());
        let api = self.client.namespaced::<Pod>(key.namespace());
        api.update_status(&pod).await?;
        Ok(Outcome::Done)
    }
}
