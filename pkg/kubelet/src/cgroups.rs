//! The cgroups of pods, as workers use them.

use std::sync::Arc;

use async_trait::async_trait;
use k8s_api::core::v1::Pod;
use kubelet_cgroup::{Limits, PodCgroupTree};
use kubelet_types::resources::{QosClass, Side, milli_cpu_to_shares, pod_amount, qos_class};

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
        let (tree, uid, class) = (self.tree.clone(), pod.metadata.uid.clone(), qos_class(pod));
        let made = tokio::task::spawn_blocking(move || tree.ensure_pod(&uid, class, &limits)).await;
        made.map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    async fn remove(&self, uid: &str) -> Result<(), String> {
        let (tree, uid) = (self.tree.clone(), uid.to_owned());
        let removed = tokio::task::spawn_blocking(move || tree.remove_pod(&uid)).await;
        removed
            .map_err(|error| error.to_string())?
            .map_err(|error| error.to_string())
    }

    async fn keep(&self, active: &[Arc<Pod>], knows: &(dyn for<'u> Fn(&'u str) -> bool + Sync)) -> Result<(), String> {
        let burstable = active.iter().filter(|pod| qos_class(pod) == QosClass::Burstable);
        let requests = burstable.filter_map(|pod| pod_amount(pod, Side::Requests, "cpu"));
        let shares = milli_cpu_to_shares(requests.map(|amount| amount.milli_value()).sum());
        let mut failed = self
            .tree
            .set_burstable_shares(shares)
            .map_err(|error| error.to_string());
        // A pod is known before it has a cgroup, so that those that are listed here and not known then are nobody's.
        for uid in self.tree.pods().map_err(|error| error.to_string())? {
            if !knows(&uid) {
                tracing::info!(uid, "the cgroup of a pod that nobody knows is removed");
                failed = self.remove(&uid).await.and(failed);
            }
        }
        failed
    }
}
