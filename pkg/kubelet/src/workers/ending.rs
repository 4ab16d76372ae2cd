//! The end of a pod: its containers, its volumes and cgroup, and the last of it once it is to be no more.

use std::sync::Arc;

use k8s_api::core::v1::Pod;
use kubelet_types::pod::grace_period;
use kubelet_types::seams::{EventType, pod_reference};

use tokio::time::Instant;

use crate::metrics::SyncKind;

use super::{Desired, FIRST_RETRY, LAST_RETRY, Worker};

impl Worker {
    /// Ends the containers; tries again until nothing runs. A shorter grace period that comes meanwhile counts at once.
    pub(super) async fn terminate(&mut self) {
        loop {
            let desired = self.desired.borrow_and_update().clone();
            if self.failure.is_none() {
                self.failure.clone_from(&desired.failure);
            }
            let grace = Self::grace(&desired);
            let mut shorter = self.desired.clone();
            let begun = Instant::now();
            let ended = tokio::select! {
                biased;
                _ = shorter.wait_for(|desired| Self::grace(desired) < grace) => continue,
                ended = self.terminate_once(desired.pod.as_ref(), desired.grace) => ended,
            };
            self.shared.parts.metrics.synced(SyncKind::Kill, begun.elapsed());
            match ended {
                Ok(()) => return,
                Err(error) => {
                    tracing::error!(error, uid = self.uid, "error killing pod");
                    if let Some(pod) = &desired.pod {
                        let message = format!("error killing pod: {error}");
                        let reference = pod_reference(pod);
                        self.shared
                            .parts
                            .recorder
                            .event(&reference, EventType::Warning, "FailedKillPod", &message);
                    }
                    tokio::time::sleep(self.next_retry()).await;
                }
            }
        }
    }

    fn grace(desired: &Desired) -> i64 {
        let own = desired.pod.as_ref().map(|pod| grace_period(pod));
        desired.grace.or(own).unwrap_or(i64::MAX)
    }

    async fn terminate_once(&mut self, pod: Option<&Arc<Pod>>, grace: Option<i64>) -> Result<(), String> {
        self.record = None;
        let record = self.observe().await.map_err(|error| error.to_string())?;
        if let Some(pod) = pod {
            self.publish(pod, &record, false);
            self.shared.parts.probes.stop_liveness_and_startup(pod);
        }
        self.shared
            .parts
            .runtime
            .kill_pod(pod.map(|pod| &**pod), &record, grace)
            .await?;
        self.record = None;
        let record = self.observe().await.map_err(|error| error.to_string())?;
        let left: Vec<_> = record.running().map(|container| container.id.as_str()).collect();
        if !left.is_empty() {
            return Err(format!(
                "detected running containers after a successful KillPod, CRI violation: {left:?}"
            ));
        }
        self.shared.parts.probes.remove_pod(&self.uid);
        if let Some(pod) = pod {
            self.publish(pod, &record, true);
        }
        Ok(())
    }

    /// Removes volumes and cgroup; the last status may be written and the API object deleted then.
    pub(super) async fn clean_up(&mut self) {
        self.retry = FIRST_RETRY;
        let parts = &self.shared.parts;
        loop {
            let done = match parts.volumes.tear_down(&self.uid).await {
                Ok(()) => {
                    let begun = Instant::now();
                    let removed = parts.cgroups.remove(&self.uid).await;
                    parts.metrics.cgroup("destroy", begun.elapsed());
                    removed
                }
                Err(error) => Err(error.to_string()),
            };
            match done {
                Ok(()) => return,
                Err(error) => tracing::error!(error, uid = self.uid, "the terminated pod cannot be cleaned up yet"),
            }
            let pause = self.retry;
            self.retry = (pause * 2).min(LAST_RETRY);
            tokio::time::sleep(pause).await;
        }
    }

    /// Waits until the pod is to be no more, and removes the last of it.
    pub(super) async fn wait_for_removal(&mut self) {
        let shared = self.shared.clone();
        let parts = &shared.parts;
        let mut finished = false;
        loop {
            let desired = self.desired.borrow_and_update().clone();
            if desired.removed {
                break;
            }
            let deleting = desired
                .pod
                .as_ref()
                .is_some_and(|pod| pod.metadata.deletion_timestamp.is_some());
            if let (Some(pod), Some(record)) = (&desired.pod, &self.record) {
                self.publish(pod, record, true);
            }
            if deleting && !finished {
                finished = true;
                parts.statuses.finish(&self.uid);
            }
            if self.desired.changed().await.is_err() {
                break;
            }
        }
        loop {
            match self.remove_rest().await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(error, uid = self.uid, "the removed pod cannot be cleaned up yet");
                    tokio::time::sleep(self.next_retry()).await;
                }
            }
        }
        parts.statuses.remove(&self.uid);
    }

    async fn remove_rest(&mut self) -> Result<(), String> {
        self.record = None;
        let record = self.observe().await.map_err(|error| error.to_string())?;
        let parts = &self.shared.parts;
        parts
            .runtime
            .remove_pod(&record)
            .await
            .map_err(|error| error.to_string())?;
        parts
            .volumes
            .remove_pod(&self.uid)
            .await
            .map_err(|error| error.to_string())?;
        let (name, namespace) = self.name.split_once('_').unwrap_or((&self.name, ""));
        let logs = parts
            .runtime
            .options()
            .pod_logs
            .join(format!("{namespace}_{name}_{}", self.uid));
        match std::fs::remove_dir_all(&logs) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(format!("{}: {error}", logs.display())),
            _ => Ok(()),
        }
    }
}
