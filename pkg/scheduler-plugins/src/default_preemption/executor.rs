//! Removes victims, beside the scheduling cycle.
//!
//! **Invariant:** while a preemption is under way its pod is kept out of the queue. The last victim is removed last, so that
//! the event of its removal finds the pod free to be queued.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use client_go::api::DeleteOptions;
use client_go::cache::Lister;
use client_go::events::{EventRecorder, EventType, reference};
use client_go::{Client, Error};
use futures::{StreamExt as _, TryStreamExt as _};
use k8s_api::core::v1::{Pod, PodCondition};
use parking_lot::Mutex;
use scheduler_framework::plugin::Nominating;
use scheduler_framework::{PodInfo, names};

use super::{Candidate, PreemptionMetrics};
use crate::context::{InMemory, PluginContext, PreemptionHost};
use crate::pod_status::StatusPatch;

/// Victims that are removed at the same time.
const AT_ONCE: usize = 16;

/// How far a preemption is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Progress {
    /// There are further victims.
    Running,
    /// The last victim is being removed: namespace and name.
    LastVictim(String, String),
}

/// Removes victims.
pub(super) struct Executor {
    client: Client,
    pods: Lister<Pod>,
    recorder: EventRecorder,
    host: Arc<dyn PreemptionHost>,
    metrics: PreemptionMetrics,
    /// By the UID of the pod that room is made for.
    preempting: Mutex<HashMap<String, Progress>>,
}

fn ignore_not_found(outcome: Result<(), Error>) -> Result<bool, Error> {
    match outcome {
        Ok(()) => Ok(true),
        Err(error) if error.is_not_found() => Ok(false),
        Err(error) => Err(error),
    }
}

impl Executor {
    pub(super) fn new(context: &PluginContext, pods: Lister<Pod>) -> Self {
        Self {
            client: context.client.clone(),
            pods,
            recorder: context.recorder.clone(),
            host: context.preemption.clone(),
            metrics: context.metrics.preemption.clone(),
            preempting: Mutex::default(),
        }
    }

    /// Whether room is being made for a pod.
    pub(super) fn is_preempting(&self, uid: &str) -> bool {
        let progress = self.preempting.lock().get(uid).cloned();
        match progress {
            None => false,
            Some(Progress::Running) => true,
            // Once the last victim is known to go, its event will bring the pod back.
            Some(Progress::LastVictim(namespace, name)) => self
                .pods
                .get(&namespace, &name)
                .is_some_and(|pod| pod.metadata.deletion_timestamp.is_none()),
        }
    }

    /// Removes the victims in a task of its own.
    pub(super) fn start(self: Arc<Self>, candidate: Candidate, pod: Arc<PodInfo>, runtime: &tokio::runtime::Handle) {
        let all = candidate.victims.len();
        let victims: Vec<_> = candidate
            .victims
            .iter()
            .filter(|victim| !victim.is_terminating())
            .cloned()
            .collect();
        let Some((last, others)) = victims.split_last() else {
            return;
        };
        self.metrics.victims.observe(all as f64);
        self.preempting.lock().insert(pod.uid().to_owned(), Progress::Running);
        let (last, others) = (last.clone(), others.to_vec());
        runtime.spawn(async move {
            let began = Instant::now();
            let outcome = self.remove_all(&candidate.node, &pod, &others, &last).await;
            self.preempting.lock().remove(pod.uid());
            let result = match outcome {
                Ok(()) => "success",
                Err(error) => {
                    tracing::error!(%error, pod = pod.key(), node = candidate.node, "asynchronous preemption failed");
                    "error"
                }
            };
            if result == "error" {
                self.host.activate(&pod);
            }
            self.metrics.executions.with(&[result]).inc();
            self.metrics
                .duration
                .with(&[result])
                .observe(began.elapsed().as_secs_f64());
        });
    }

    async fn remove_all(
        &self,
        node: &str,
        pod: &PodInfo,
        others: &[Arc<PodInfo>],
        last: &Arc<PodInfo>,
    ) -> Result<(), Error> {
        let cleared = self.clear_nominations(node, pod).await;
        self.remove_several(node, pod, others).await?;
        let progress = Progress::LastVictim(last.namespace().to_owned(), last.name().to_owned());
        self.preempting.lock().insert(pod.uid().to_owned(), progress);
        self.remove(node, pod, last).await?;
        cleared
    }

    async fn remove_several(&self, node: &str, pod: &PodInfo, victims: &[Arc<PodInfo>]) -> Result<(), Error> {
        futures::stream::iter(victims)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, |victim| self.remove(node, pod, victim))
            .await
    }

    /// Removes the victims and waits for that.
    ///
    /// # Errors
    /// A write failed.
    pub(super) async fn execute(&self, candidate: &Candidate, pod: &PodInfo) -> Result<(), Error> {
        self.metrics.victims.observe(candidate.victims.len() as f64);
        let victims: Vec<_> = candidate
            .victims
            .iter()
            .filter(|victim| !victim.is_terminating())
            .cloned()
            .collect();
        self.remove_several(&candidate.node, pod, &victims).await?;
        if let Err(error) = self.clear_nominations(&candidate.node, pod).await {
            tracing::error!(%error, "cannot clear 'NominatedNodeName' field");
        }
        Ok(())
    }

    /// Less important pods that were to have the node will have to look for another.
    async fn clear_nominations(&self, node: &str, pod: &PodInfo) -> Result<(), Error> {
        let nominated = self.host.nominated_pods(node);
        for other in nominated.iter().filter(|other| other.priority() < pod.priority()) {
            let patch = StatusPatch::default().nominating(&other.pod, &Nominating::Override(String::new()));
            ignore_not_found(patch.send(&self.client, &other.pod).await)?;
        }
        Ok(())
    }

    async fn remove(&self, node: &str, pod: &PodInfo, victim: &Arc<PodInfo>) -> Result<(), Error> {
        let mut note = format!("Preempted by pod {} on node {node}", pod.uid());
        if self.host.reject_in_memory(victim.uid(), names::DEFAULT_PREEMPTION) == InMemory::Rejected {
            note.push_str(" (in kube-scheduler memory).");
        } else if !self.delete(pod, victim).await? {
            return Ok(());
        }
        self.recorder.event_for(
            reference(&*victim.pod),
            Some(reference(&*pod.pod)),
            EventType::Normal,
            "Preempted",
            "Preempting",
            note,
        );
        Ok(())
    }

    /// Marks and deletes a victim; false if it was gone already.
    async fn delete(&self, pod: &PodInfo, victim: &PodInfo) -> Result<bool, Error> {
        let condition = PodCondition {
            type_: "DisruptionTarget".to_owned(),
            status: "True".to_owned(),
            reason: "PreemptionByScheduler".to_owned(),
            message: format!(
                "{}: preempting to accommodate a higher priority pod",
                pod.pod.spec.scheduler_name
            ),
            observed_generation: victim.pod.metadata.generation,
            ..PodCondition::default()
        };
        let patch = StatusPatch::default().condition(&victim.pod, &condition);
        if !ignore_not_found(patch.send(&self.client, &victim.pod).await)? {
            return Ok(false);
        }
        let api = self.client.namespaced::<Pod>(victim.namespace());
        let deleted = api.delete(victim.name(), &DeleteOptions::default()).await;
        ignore_not_found(deleted.map(drop))
    }
}
