//! What has to be done once in a while: dead containers, logs that have grown.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cri_client::api::{ContainerFilter, ContainerState, ContainerStateValue};
use futures::{StreamExt, stream};
use jiff::Timestamp;
use k8s_api::primitives::Quantity;
use kubelet_config::KubeletOptions;
use kubelet_logs::{RotationPolicy, rotate};
use kubelet_runtime::{GcPolicy, KubeRuntime};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assemble::Node;
use crate::workers::PodWorkers;

/// How often dead containers are looked for.
const CONTAINER_GC: Duration = Duration::from_secs(60);

/// Starts everything that runs by the clock.
pub(super) fn start(node: &Node, options: &KubeletOptions, tasks: &mut JoinSet<()>, cancel: &CancellationToken) {
    let flags = &options.flags;
    let policy = GcPolicy {
        min_age: flags.minimum_gc_age.to_std(),
        max_per_container: usize::try_from(flags.max_per_pod_container_count).unwrap_or(usize::MAX),
        max_total: usize::try_from(flags.max_container_count).ok(),
    };
    let (runtime, workers, pods) = (node.runtime.clone(), node.kubelet.workers().clone(), node.pods.clone());
    let (sources, token) = (node.sources.clone(), cancel.clone());
    tasks.spawn(async move {
        while tick(CONTAINER_GC, &token).await {
            let all_known = pods.all_sources_seen(&sources);
            collect_containers(&runtime, &workers, &policy, all_known).await;
        }
    });
    let kc = &options.configuration;
    let max_size = kc.container_log_max_size.parse::<Quantity>();
    match max_size.map(|size| u64::try_from(size.value())) {
        Ok(Ok(max_size)) => {
            let policy = RotationPolicy {
                max_size,
                max_files: usize::try_from(kc.container_log_max_files).unwrap_or(5),
            };
            let runtime = node.runtime.clone();
            let period = kc.container_log_monitor_interval.to_std();
            let workers = usize::try_from(kc.container_log_max_workers).unwrap_or(1).max(1);
            let token = cancel.clone();
            tasks.spawn(async move {
                while tick(period, &token).await {
                    rotate_logs(&runtime, &policy, workers).await;
                }
            });
        }
        Ok(Err(_)) => tracing::info!("logs are not rotated: containerLogMaxSize is below 0"),
        Err(error) => tracing::error!(%error, "logs are not rotated: failed to parse containerLogMaxSize"),
    }
}

/// Waits for a period; false if cancelled.
pub(super) async fn tick(period: Duration, cancel: &CancellationToken) -> bool {
    tokio::select! {
        () = cancel.cancelled() => false,
        () = tokio::time::sleep(period) => true,
    }
}

/// Removes dead containers beyond the policy. Before all pods are known, every pod is taken for one that somebody wants.
pub(super) async fn collect_containers(
    runtime: &KubeRuntime,
    workers: &PodWorkers,
    policy: &GcPolicy,
    all_known: bool,
) {
    let known = workers.known();
    let keep = |uid: &str| !all_known || known.contains(uid);
    match runtime.collect_garbage(policy, keep).await {
        Ok(0) => {}
        Ok(removed) => tracing::info!(removed, "dead containers and sandboxes removed"),
        Err(error) => tracing::error!(%error, "Container garbage collection failed"),
    }
}

/// Rotates the logs of running containers that have grown too large.
async fn rotate_logs(runtime: &Arc<KubeRuntime>, policy: &RotationPolicy, workers: usize) {
    let service = &runtime.services().runtime;
    let running = ContainerFilter {
        state: Some(ContainerStateValue {
            state: ContainerState::Running as i32,
        }),
        ..Default::default()
    };
    let containers = match service.list_containers(Some(running)).await {
        Ok(containers) => containers,
        Err(error) => {
            tracing::error!(%error, "Failed to list the containers whose logs may have to be rotated");
            return;
        }
    };
    let large = containers.into_iter().filter_map(|container| {
        let path = log_path(runtime, &container)?;
        let length = std::fs::metadata(&path).ok()?.len();
        (length >= policy.max_size).then_some((container.id, path))
    });
    let rotations = stream::iter(large).for_each_concurrent(workers, |(id, path)| async move {
        let reopen = || service.reopen_container_log(&id);
        if let Err(error) = rotate(&path, policy, Timestamp::now(), reopen).await {
            tracing::error!(%error, path = %path.display(), "Failed to rotate log for container");
        }
    });
    rotations.await;
}

/// Where a container's log lies; known without asking the runtime, since its labels and its number say it.
fn log_path(runtime: &KubeRuntime, container: &cri_client::api::Container) -> Option<PathBuf> {
    use kubelet_runtime::labels::{CONTAINER_NAME, POD_NAME, POD_NAMESPACE, POD_UID};
    let label = |key: &str| container.labels.get(key);
    let (namespace, name, uid) = (label(POD_NAMESPACE)?, label(POD_NAME)?, label(POD_UID)?);
    let attempt = container.metadata.as_ref()?.attempt;
    let directory = format!("{namespace}_{name}_{uid}");
    let root = &runtime.options().pod_logs;
    Some(
        root.join(directory)
            .join(label(CONTAINER_NAME)?)
            .join(format!("{attempt}.log")),
    )
}
