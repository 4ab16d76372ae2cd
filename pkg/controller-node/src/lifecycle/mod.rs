//! Watches whether nodes answer: conditions of silent nodes become `Unknown`, conditions become taints, pods of such nodes
//! are not ready, and nodes lose their pods (by `NoExecute` taints) at a rate that depends on how their zone fares
//! (upstream: `pkg/controller/nodelifecycle`).

mod health;
mod labels;
mod metrics;
mod pods;
mod tainter;
mod taints;
#[cfg(test)]
mod tests;
mod zones;

use std::collections::HashSet;
use std::sync::Arc;

use client_go::cache::{Event, InformerOptions, Lister, ObjectKey};
use client_go::events::EventRecorder;
use client_go::workqueue::Outcome;
use client_go::{Client, Error};
use controller::{Built, CacheSync, Clock, Controller, ControllerContext, Retries};
use k8s_api::coordination::v1::Lease;
use k8s_api::core::v1::{Node, Pod};
use parking_lot::Mutex;
use tokio::time::MissedTickBehavior;

use health::{GracePeriods, HealthBook};
use metrics::Metrics;
use tainter::Tainter;
use zones::{Rates, Zones};

/// Where nodes renew their leases.
const LEASE_NAMESPACE: &str = "kube-node-lease";
const NODE_WORKERS: usize = 8;
const POD_WORKERS: usize = 4;

struct NodeLifecycle {
    client: Client,
    clock: Clock,
    recorder: EventRecorder,
    nodes: Lister<Node>,
    pods: Lister<Pod>,
    leases: Lister<Lease>,
    grace: GracePeriods,
    /// What the monitor knows of nodes; only it writes.
    health: Mutex<HealthBook>,
    /// Nodes whose pods could not all be marked.
    retry: Mutex<HashSet<String>>,
    zones: Mutex<Zones>,
    tainter: Tainter,
    metrics: Metrics,
}

/// Builds `node-lifecycle-controller`.
///
/// # Errors
/// There is no client for it.
pub async fn build(context: ControllerContext) -> Built {
    let client = context.client("node-controller").await?;
    let nodes = context.informers.informer::<Node>();
    let pods = crate::pods(&context);
    // Leases of nodes alone: those of leaders change every other second.
    let of_nodes = context.informers.client().namespaced::<Lease>(LEASE_NAMESPACE);
    let leases = context.informers.informer_with(of_nodes, InformerOptions::default());
    let node_queue = context.queue::<ObjectKey>("node_lifecycle_controller");
    let keys = node_queue.clone();
    nodes.add_handler(move |event: Event<Node>| {
        if !matches!(event, Event::Deleted { .. }) {
            keys.add(ObjectKey::of(&**event.object()));
        }
    });
    // A pod that comes to a node that is not ready is not ready either, whatever it says.
    let pod_queue = context.queue::<ObjectKey>("node_lifecycle_controller_pods");
    let keys = pod_queue.clone();
    pods.add_handler(move |event: Event<Pod>| {
        let (before, pod) = match &event {
            Event::Added { object, .. } => (None, object),
            Event::Updated { old, new } => (Some(old), new),
            Event::Deleted { .. } => return,
        };
        let node = &pod.spec.node_name;
        if !node.is_empty() && before.is_none_or(|before| before.spec.node_name != *node) {
            keys.add(ObjectKey::of(&**pod));
        }
    });
    let caches = || CacheSync::new().and(&nodes).and(&pods).and(&leases);
    let (for_nodes, for_pods, for_monitor) = (caches(), caches(), caches());
    let config = &context.config.node_lifecycle_controller;
    let period = context.config.kube_cloud_shared.node_monitor_period.to_std();
    let rates = Rates::of(config);
    let this = Arc::new(NodeLifecycle {
        recorder: context.recorder("node-controller", &client),
        client,
        clock: context.clock.clone(),
        nodes: nodes.lister(),
        pods: pods.lister(),
        leases: leases.lister(),
        grace: GracePeriods {
            startup: config.node_startup_grace_period.to_std(),
            monitor: config.node_monitor_grace_period.to_std(),
        },
        health: Mutex::default(),
        retry: Mutex::default(),
        zones: Mutex::new(Zones::new(rates)),
        tainter: Tainter::new(rates.normal),
        metrics: Metrics::new(&context.metrics),
    });
    Ok(Some(Controller::new(move |stop| async move {
        let that = this.clone();
        let of_nodes = context.run(
            for_nodes,
            node_queue,
            NODE_WORKERS,
            Retries::new("Failed to reconcile taints and labels of node, requeue it"),
            stop.clone(),
            move |key: ObjectKey| {
                let this = that.clone();
                async move { this.node(&key).await }
            },
        );
        let that = this.clone();
        let of_pods = context.run(
            for_pods,
            pod_queue,
            POD_WORKERS,
            Retries::at_verbosity(0, "Unable to mark pod NotReady on node"),
            stop.clone(),
            move |key: ObjectKey| {
                let this = that.clone();
                async move { this.pod(&key).await }
            },
        );
        let monitoring = async {
            if !for_monitor.wait(&stop).await {
                return;
            }
            let mut timer = tokio::time::interval(period);
            timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    () = stop.cancelled() => return,
                    _ = timer.tick() => this.monitor().await,
                }
            }
        };
        let tainting = async {
            tokio::select! {
                () = stop.cancelled() => {}
                () = this.taint_silent_nodes() => {}
            }
        };
        futures::future::join4(of_nodes, of_pods, monitoring, tainting).await;
    })))
}

impl NodeLifecycle {
    /// Brings a node's `NoSchedule` taints and labels into line with its conditions.
    async fn node(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(node) = self.nodes.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let (add, remove) = taints::no_schedule_changes(&node);
        if !(add.is_empty() && remove.is_empty()) {
            controller_objects::nodes::swap_taints(&self.client, key.name(), &add, &remove).await?;
        }
        labels::reconcile(&self.client, &node).await?;
        Ok(Outcome::Done)
    }
}
