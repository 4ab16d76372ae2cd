//! Deletes pods that nobody else will: the oldest of too many that have ended, those of nodes that are gone or out of
//! service, and those that were to end before they had a node (upstream: `pkg/controller/podgc`).
//!
//! Indices say which pods are concerned, so that a look costs what it finds.

mod judge;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use client_go::api::DeleteOptions;
use client_go::cache::{Event, Lister, ObjectKey};
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use component_base::metrics::{Family, MetricOpts};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::core::v1::{Node, Pod, PodCondition};
use prometheus::IntCounterVec;
use tokio::time::MissedTickBehavior;

use crate::BY_NODE;
use judge::{CLASS, Class};

/// How often is looked.
const PERIOD: Duration = Duration::from_secs(20);
/// How long a node may be unknown before it is asked for and, if it does not exist, its pods are deleted.
const QUARANTINE: Duration = Duration::from_secs(40);

/// Why a pod is deleted, as the metrics name it.
#[derive(Clone, Copy, Debug)]
enum Reason {
    Terminated,
    Orphaned,
    OutOfService,
    Unscheduled,
}

impl Reason {
    fn as_str(self) -> &'static str {
        match self {
            Self::Terminated => "terminated",
            Self::Orphaned => "orphaned",
            Self::OutOfService => "out-of-service",
            Self::Unscheduled => "unscheduled",
        }
    }
}

struct PodGc {
    client: Client,
    clock: Clock,
    pods: Lister<Pod>,
    nodes: Lister<Node>,
    threshold: usize,
    deleted: Family<IntCounterVec>,
    failed: Family<IntCounterVec>,
}

/// Builds `pod-garbage-collector-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("pod-garbage-collector").await?;
    let pods = crate::pods(&context);
    pods.add_index(CLASS, |pod| judge::classes(pod).map(str::to_owned).collect());
    let nodes = context.informers.informer::<Node>();
    // Nodes that pods name and that are not there.
    let queue = context.queue::<ObjectKey>("orphaned_pods_nodes");
    let (keys, lister) = (queue.clone(), nodes.lister());
    pods.add_handler(move |event: Event<Pod>| {
        let node = &event.object().spec.node_name;
        if !matches!(event, Event::Deleted { .. }) && !node.is_empty() && lister.get("", node).is_none() {
            keys.add_after(ObjectKey::from(node.as_str()), QUARANTINE);
        }
    });
    let keys = queue.clone();
    nodes.add_handler(move |event: Event<Node>| {
        if let Event::Deleted { object, .. } = event {
            keys.add_after(ObjectKey::of(&*object), QUARANTINE);
        }
    });
    let caches = || CacheSync::new().and(&pods).and(&nodes);
    let (for_orphans, for_others) = (caches(), caches());
    let count = |name: &str, help: &str| {
        context
            .metrics
            .counter_vec(MetricOpts::new(name, help), &["namespace", "reason"])
    };
    let threshold = context.config.pod_gc_controller.terminated_pod_gc_threshold;
    let this = Arc::new(PodGc {
        client,
        clock: context.clock.clone(),
        pods: pods.lister(),
        nodes: nodes.lister(),
        threshold: usize::try_from(threshold).unwrap_or(0),
        deleted: count(
            "pod_gc_collector_force_delete_pods_total",
            "Number of pods that are being forcefully deleted since the Pod GC Controller started.",
        ),
        failed: count(
            "pod_gc_collector_force_delete_pod_errors_total",
            "Number of errors encountered when forcefully deleting the pods since the Pod GC Controller started.",
        ),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let that = this.clone();
        let orphans = context.run(
            for_orphans,
            queue,
            1,
            Retries::new("Error syncing node of orphaned pods, will retry"),
            stop.clone(),
            move |node: ObjectKey| {
                let this = that.clone();
                async move { this.orphaned(&node).await }
            },
        );
        let others = async {
            if !for_others.wait(&stop).await {
                return;
            }
            let mut timer = tokio::time::interval(PERIOD);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = timer.tick() => this.look().await,
                }
            }
        };
        futures::future::join(orphans, others).await;
    })))
}

impl PodGc {
    async fn look(&self) {
        let of = |class: Class| self.pods.by_index(CLASS, class.as_str());
        if self.threshold > 0 && self.pods.count(CLASS, Class::Terminated.as_str()) > self.threshold {
            let doomed = judge::oldest(of(Class::Terminated), self.threshold);
            tracing::info!(pods = doomed.len(), "Garbage collecting pods");
            self.delete_all(doomed, Reason::Terminated).await;
        }
        let mut out_of_service = of(Class::Terminating);
        out_of_service.retain(|pod| {
            let node = self.nodes.get("", &pod.spec.node_name);
            node.is_some_and(|node| judge::is_out_of_service(&node))
        });
        self.delete_all(judge::oldest(out_of_service, 0), Reason::OutOfService)
            .await;
        self.delete_all(of(Class::Unscheduled), Reason::Unscheduled).await;
    }

    async fn delete_all(&self, pods: Vec<Arc<Pod>>, reason: Reason) {
        let deletions = pods.iter().map(|pod| self.delete(pod, reason));
        futures::future::join_all(deletions).await;
    }

    /// Marks a pod as failed, unless it has ended, and deletes it at once.
    async fn delete(&self, pod: &Pod, reason: Reason) {
        let namespace = &pod.metadata.namespace;
        let labels = [namespace.as_str(), reason.as_str()];
        self.deleted.with(&labels).inc();
        if let Err(error) = self.fail_and_delete(pod, reason).await {
            self.failed.with(&labels).inc();
            let (name, reason) = (&pod.metadata.name, reason.as_str());
            tracing::error!(namespace, pod = name, reason, %error, "Failed to delete pod");
        }
    }

    async fn fail_and_delete(&self, pod: &Pod, reason: Reason) -> Result<(), Error> {
        if !controller_objects::pods::is_terminal(pod) {
            let mut status = pod.status.clone();
            "Failed".clone_into(&mut status.phase);
            status.observed_generation = pod.metadata.generation;
            if matches!(reason, Reason::Orphaned) {
                let condition = PodCondition {
                    type_: controller_objects::pods::DISRUPTION_TARGET.to_owned(),
                    status: "True".to_owned(),
                    reason: "DeletionByPodGC".to_owned(),
                    message: "PodGC: node no longer exists".to_owned(),
                    observed_generation: pod.metadata.generation,
                    ..PodCondition::default()
                };
                controller_objects::pods::set_condition(&mut status, condition, self.clock.now());
            }
            controller_objects::pods::patch_status(&self.client, pod, status).await?;
        }
        let api = self.client.namespaced::<Pod>(pod.metadata.namespace.clone());
        api.delete(&pod.metadata.name, &DeleteOptions::default().grace_period(0))
            .await
            .map(drop)
    }

    /// Deletes the pods of a node that does not exist.
    async fn orphaned(&self, node: &ObjectKey) -> Result<Outcome, Error> {
        let pods = self.pods.by_index(BY_NODE, node.name());
        if pods.is_empty() || self.nodes.get_key(node).is_some() {
            return Ok(Outcome::Done);
        }
        if self.client.cluster::<Node>().get_opt(node.name()).await?.is_some() {
            return Ok(Outcome::RequeueAfter(QUARANTINE));
        }
        tracing::info!(%node, pods = pods.len(), "Found orphaned Pods assigned to the Node, deleting");
        self.delete_all(pods, Reason::Orphaned).await;
        // What could not be deleted has its turn again.
        Ok(Outcome::RequeueAfter(QUARANTINE))
    }
}
