//! Pods that use more of the node's disk than they may.

use std::collections::HashMap;

use k8s_api::core::v1::Pod;
use kubelet_types::resources::{Side, pod_amount};

/// What a pod has on the node's disk.
#[derive(Clone, Debug, Default)]
pub struct LocalUse {
    /// By volume.
    pub volumes: HashMap<String, u64>,
    /// Log and written layer, by container.
    pub containers: HashMap<String, u64>,
    /// Everything.
    pub total: u64,
}

/// Why the pod has to go, if it uses more than it may.
#[must_use]
pub fn excess(pod: &Pod, used: &LocalUse) -> Option<String> {
    for volume in &pod.spec.volumes {
        let limit = volume.empty_dir.as_deref().filter(|it| it.medium != "Memory");
        let Some(limit) = limit
            .and_then(|empty| empty.size_limit.as_ref())
            .filter(|it| it.signum() == 1)
        else {
            continue;
        };
        let bytes = used.volumes.get(&volume.name).copied().unwrap_or_default();
        if i128::from(bytes) > i128::from(limit.value()) {
            return Some(format!(
                "Usage of EmptyDir volume {:?} exceeds the limit {:?}. ",
                volume.name,
                limit.to_string()
            ));
        }
    }
    let limit = pod_amount(pod, Side::Limits, "ephemeral-storage");
    if let Some(limit) = limit.filter(|limit| limit.signum() > 0 && i128::from(used.total) > i128::from(limit.value()))
    {
        return Some(format!(
            "Pod ephemeral local storage usage exceeds the total limit of containers {limit}. "
        ));
    }
    for container in &pod.spec.containers {
        let Some(limit) = container.resources.limits.get("ephemeral-storage") else {
            continue;
        };
        let bytes = used.containers.get(&container.name).copied().unwrap_or_default();
        if i128::from(bytes) > i128::from(limit.value()) {
            return Some(format!(
                "Container {} exceeded its local ephemeral storage limit {:?}. ",
                container.name,
                limit.to_string()
            ));
        }
    }
    None
}
