//! The cgroups of pods, as workers use them.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_api::core::v1::Pod;
use kubelet_cgroup::{Limits, PodCgroupTree};
use kubelet_types::resources::qos_class;

use crate::workers::PodCgroups;

/// Cgroups of the cgroupfs driver, with the limits of each pod.
pub struct PodCgroupfs {
    /// Where they lie.
    pub tree: Arc<PodCgroupTree>,
    /// The period of CPU quotas in microseconds.
    pub quota_period: i64,
    /// Whether CPU limits are enforced.
    pub enforce_quota: bool,
    /// How many processes a pod may have.
    pub pod_pids_limit: Option<i64>,
}

#[async_trait]
impl PodCgroups for PodCgroupfs {
    async fn ensure(&self, pod: &Pod) -> Result<String, String> {
        let limits = Limits::of_pod(pod, self.quota_period, self.enforce_quota, self.pod_pids_limit);
        let made = self.tree.ensure_pod(&pod.metadata.uid, qos_class(pod), &limits);
        made.map_err(|error| error.to_string())
    }

    async fn remove(&self, uid: &str) -> Result<(), String> {
        let (tree, uid) = (self.tree.clone(), uid.to_owned());
        let removed = tokio::task::spawn_blocking(move || tree.remove_pod(&uid)).await;
        removed
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }
}
