//! Ending containers and pods within their grace periods.

use std::collections::BTreeMap;
use std::time::Duration;

use futures::future::join_all;
use k8s_api::core::v1::{Container, Pod};
use kubelet_types::container::{find, is_sidecar};
use kubelet_types::pod::format_pod;
use kubelet_types::seams::{EventType, container_reference};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};

use crate::actions::KillReason;
use crate::labels;
use crate::runtime::KubeRuntime;
use crate::status::{ContainerRecord, ContainerState, PodRecord};

/// No container gets less.
const MINIMUM_GRACE: i64 = 2;

/// Who waits for whom: sidecars for the regular containers, and each sidecar for those after it.
pub(crate) struct TerminationOrder {
    ended: BTreeMap<String, watch::Sender<bool>>,
    after: BTreeMap<String, Vec<String>>,
}

impl TerminationOrder {
    pub(crate) fn new(pod: &Pod, record: &PodRecord) -> Self {
        let running = |name: &str| record.running().any(|container| container.name == name);
        let spec = &pod.spec;
        let names = spec
            .containers
            .iter()
            .chain(&spec.init_containers)
            .map(|container| &container.name);
        let ended = names
            .map(|name| (name.clone(), watch::Sender::new(!running(name))))
            .collect();
        let regular: Vec<_> = spec.containers.iter().map(|container| container.name.clone()).collect();
        let mut after = BTreeMap::new();
        let mut later: Option<&str> = None;
        for container in spec
            .init_containers
            .iter()
            .rev()
            .filter(|container| is_sidecar(container))
        {
            let before = regular.iter().cloned().chain(later.map(str::to_owned));
            after.insert(container.name.clone(), before.collect());
            later = Some(&container.name);
        }
        Self { ended, after }
    }

    /// Waits until all that end first have ended, or the time is over.
    async fn wait(&self, name: &str, limit: Duration) {
        let wait = async {
            for other in self.after.get(name).into_iter().flatten() {
                if let Some(ended) = self.ended.get(other) {
                    // The sender lives as long as this order.
                    drop(ended.subscribe().wait_for(|ended| *ended).await);
                }
            }
        };
        if timeout(limit, wait).await.is_err() {
            tracing::debug!(
                name,
                "grace period is over before the containers that end first have ended"
            );
        }
    }

    fn ended(&self, name: &str) {
        if let Some(ended) = self.ended.get(name) {
            ended.send_replace(true);
        }
    }
}

fn whole_seconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

fn seconds(count: i64) -> Duration {
    Duration::from_secs(u64::try_from(count).unwrap_or_default())
}

/// The seconds a container has: those of the deletion, or of the failed probe, or of the pod.
fn grace_period(pod: &Pod, container: &Container, reason: KillReason) -> i64 {
    if let Some(grace) = pod.metadata.deletion_grace_period_seconds {
        return grace;
    }
    let probe = match reason {
        KillReason::StartupProbe => container.startup_probe.as_deref(),
        KillReason::LivenessProbe => container.liveness_probe.as_deref(),
        _ => None,
    };
    let of_probe = probe.and_then(|probe| probe.termination_grace_period_seconds);
    of_probe
        .or(pod.spec.termination_grace_period_seconds)
        .unwrap_or(MINIMUM_GRACE)
}

impl KubeRuntime {
    /// Ends a container: preStop hook, its turn, and then the runtime's stop with what is left of the grace period.
    pub(crate) async fn kill_container(
        &self,
        pod: &Pod,
        record: &ContainerRecord,
        message: &str,
        reason: KillReason,
        grace_override: Option<i64>,
        order: Option<&TerminationOrder>,
    ) -> Result<(), String> {
        let restored;
        let (pod, container) = match find(&pod.spec, &record.name) {
            Some((_, container)) => (pod, container),
            None => {
                restored = self.restore(record).await?;
                (&restored.0, std::borrow::Cow::Borrowed(&restored.1))
            }
        };
        let reference = container_reference(pod, &container.name);
        let default = format!("Stopping container {}", container.name);
        let message = if message.is_empty() { &default } else { message };
        self.parts
            .recorder
            .event(&reference, EventType::Normal, "Killing", message);

        let mut grace = grace_override.unwrap_or_else(|| grace_period(pod, &container, reason));
        let begun = Instant::now();
        let hook = container
            .lifecycle
            .as_deref()
            .and_then(|lifecycle| lifecycle.pre_stop.as_deref());
        if let Some(hook) = hook.filter(|_| grace > 0) {
            let ip = self.address(pod).await;
            let run = self.run_hook(pod, &container, &record.id, &ip, hook);
            match timeout(seconds(grace), run).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    tracing::warn!(error, container = container.name, "preStop hook");
                    self.parts.recorder.event(
                        &reference,
                        EventType::Warning,
                        "FailedPreStopHook",
                        "PreStopHook failed",
                    );
                }
                Err(_) => tracing::info!(
                    container = container.name,
                    grace,
                    "preStop hook not completed in grace period"
                ),
            }
            grace -= whole_seconds(begun.elapsed());
        }
        if let Some(order) = order.filter(|_| grace > 0) {
            let begun = Instant::now();
            order.wait(&container.name, seconds(grace)).await;
            grace -= whole_seconds(begun.elapsed());
        }
        let stopped = self
            .parts
            .runtime
            .stop_container(&record.id, seconds(grace.max(MINIMUM_GRACE)))
            .await;
        if let Err(error) = stopped
            && !error.is_not_found()
        {
            return Err(format!(
                "failed to \"KillContainer\" for {:?} with KillContainerError: {error}",
                container.name
            ));
        }
        if let Some(order) = order {
            order.ended(&container.name);
        }
        Ok(())
    }

    /// What a container's labels and annotations say, for one that no specification knows.
    async fn restore(&self, record: &ContainerRecord) -> Result<(Pod, Container), String> {
        let status = self
            .parts
            .runtime
            .container_status(&record.id, false)
            .await
            .map_err(|error| error.to_string())?;
        let status = status.status.ok_or_else(|| "container status is nil".to_owned())?;
        Ok(labels::restore(&status.labels, &status.annotations))
    }

    /// The address of a pod, for its hooks.
    async fn address(&self, pod: &Pod) -> String {
        let meta = &pod.metadata;
        let record = self.pod_status(&meta.uid, &meta.name, &meta.namespace).await;
        let own = record.ok().and_then(|record| record.ips.into_iter().next());
        own.unwrap_or_else(|| pod.status.pod_ip.clone())
    }

    /// Ends all containers of a pod and then its sandboxes. Without the pod, what the containers' annotations say counts.
    /// Returns when everything has ended.
    ///
    /// # Errors
    /// What could not be ended.
    pub async fn kill_pod(
        &self,
        pod: Option<&Pod>,
        record: &PodRecord,
        grace_override: Option<i64>,
    ) -> Result<(), String> {
        let unknown = Pod::default();
        let pod = pod.unwrap_or(&unknown);
        let order = TerminationOrder::new(pod, record);
        let alive = record
            .containers
            .iter()
            .filter(|it| matches!(it.state, ContainerState::Running | ContainerState::Unknown));
        let kills = alive
            .map(|container| self.kill_container(pod, container, "", KillReason::Other, grace_override, Some(&order)));
        let mut errors: Vec<_> = join_all(kills).await.into_iter().filter_map(Result::err).collect();
        let stops = record
            .sandboxes
            .iter()
            .map(|sandbox| self.parts.runtime.stop_pod_sandbox(&sandbox.id));
        for error in join_all(stops).await.into_iter().filter_map(Result::err) {
            if !error.is_not_found() {
                let name = if pod.metadata.uid.is_empty() {
                    record.uid.clone()
                } else {
                    format_pod(pod)
                };
                errors.push(format!(
                    "failed to \"KillPodSandbox\" for {name:?} with KillPodSandboxError: {error:?}"
                ));
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join(", "))
        }
    }
}
