//! Removing containers and sandboxes that are of no use any more.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use cri_client::Result;
use cri_client::api::{ContainerState, PodSandboxState};
use k8s_api::core::v1::Pod;
use kubelet_types::clock::from_unix_nanos;
use kubelet_types::container::is_sidecar;

use crate::labels;
use crate::runtime::KubeRuntime;
use crate::status::{self, PodRecord};

/// What is kept.
#[derive(Clone, Copy, Debug)]
pub struct GcPolicy {
    /// Younger dead containers stay.
    pub min_age: Duration,
    /// So many dead containers of one name stay (upstream: `--maximum-dead-containers-per-container`).
    pub max_per_container: usize,
    /// So many dead containers stay in all; `None` is any number.
    pub max_total: Option<usize>,
}

impl Default for GcPolicy {
    fn default() -> Self {
        Self {
            min_age: Duration::ZERO,
            max_per_container: 1,
            max_total: None,
        }
    }
}

impl KubeRuntime {
    /// Removes dead containers beyond the policy, all those of pods that are gone, and sandboxes that hold nothing and are
    /// not the latest of a pod. `keep` tells whether a pod is still wanted.
    ///
    /// # Errors
    /// If the runtime cannot be listed; a single removal that fails is logged.
    pub async fn collect_garbage(&self, policy: &GcPolicy, keep: impl Fn(&str) -> bool) -> Result<usize> {
        let runtime = &self.parts.runtime;
        let now = self.parts.clock.now();
        let containers = runtime.list_containers(None).await?;
        let sandboxes = runtime.list_pod_sandboxes(None).await?;
        let mut dead: BTreeMap<(String, String), Vec<_>> = BTreeMap::new();
        for container in &containers {
            let own = (
                container.labels.get(labels::POD_UID),
                container.labels.get(labels::CONTAINER_NAME),
            );
            let (Some(uid), Some(name)) = own else { continue };
            let old = from_unix_nanos(container.created_at)
                .is_some_and(|made| now.duration_since(made).is_ok_and(|age| age >= policy.min_age));
            if container.state() != ContainerState::Running && old {
                dead.entry((uid.clone(), name.clone())).or_default().push(container);
            }
        }
        let (mut doomed, mut kept) = (Vec::new(), Vec::new());
        for ((uid, _), mut group) in dead {
            group.sort_by_key(|container| std::cmp::Reverse(container.created_at));
            let most = if keep(&uid) { policy.max_per_container } else { 0 };
            kept.extend(group.iter().take(most).copied());
            doomed.extend(group.into_iter().skip(most));
        }
        if let Some(most) = policy.max_total {
            kept.sort_by_key(|container| std::cmp::Reverse(container.created_at));
            doomed.extend(kept.into_iter().skip(most));
        }
        let gone: HashSet<_> = doomed.iter().map(|container| container.id.clone()).collect();
        let mut removed = 0;
        for id in &gone {
            match self.remove_with_logs(id).await {
                Ok(()) => removed += 1,
                Err(error) => tracing::error!(%error, id, "failed to remove container"),
            }
        }
        let occupied: HashSet<_> = containers
            .iter()
            .filter(|it| !gone.contains(&it.id))
            .map(|it| it.pod_sandbox_id.as_str())
            .collect();
        let mut latest: BTreeMap<&str, i64> = BTreeMap::new();
        for sandbox in &sandboxes {
            let uid = sandbox.labels.get(labels::POD_UID).map_or("", String::as_str);
            let newest = latest.entry(uid).or_default();
            *newest = (*newest).max(sandbox.created_at);
        }
        for sandbox in &sandboxes {
            let Some(uid) = sandbox.labels.get(labels::POD_UID) else {
                continue;
            };
            let is_latest = latest.get(uid.as_str()) == Some(&sandbox.created_at);
            if sandbox.state() == PodSandboxState::Ready
                || occupied.contains(sandbox.id.as_str())
                || (is_latest && keep(uid))
            {
                continue;
            }
            match runtime.remove_pod_sandbox(&sandbox.id).await {
                Ok(()) => removed += 1,
                Err(error) => tracing::error!(%error, id = sandbox.id, "failed to remove sandbox"),
            }
        }
        if let Err(error) = self.collect_log_files(keep).await {
            tracing::error!(%error, "the logs of pods that are gone cannot be looked through");
        }
        Ok(removed)
    }

    /// Removes everything of a pod that has ended.
    ///
    /// # Errors
    /// The runtime's.
    pub async fn remove_pod(&self, record: &PodRecord) -> Result<()> {
        // Containers first, since the links to their logs are named by them.
        for container in &record.containers {
            self.remove_with_logs(&container.id).await?;
        }
        for sandbox in &record.sandboxes {
            self.parts.runtime.remove_pod_sandbox(&sandbox.id).await?;
        }
        Ok(())
    }

    /// Removes dead init containers: all of them, or all but the latest of each name.
    pub(crate) async fn remove_init_containers(&self, pod: &Pod, record: &PodRecord, all: bool) {
        for init in pod.spec.init_containers.iter().filter(|init| all || !is_sidecar(init)) {
            let own = record.containers.iter().filter(|container| container.name == init.name);
            let dead = own.filter(|it| {
                matches!(
                    it.state,
                    status::ContainerState::Exited | status::ContainerState::Unknown
                )
            });
            for container in dead.skip(usize::from(!all)) {
                if let Err(error) = self.remove_with_logs(&container.id).await {
                    tracing::error!(%error, id = container.id, "failed to remove init container");
                }
            }
        }
    }
}
