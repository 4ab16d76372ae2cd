//! The look at all nodes, and what it means for their pods.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use client_go::Error;
use client_go::cache::ObjectKey;
use client_go::events::EventType;
use client_go::workqueue::Outcome;
use controller_objects::nodes::{condition, has_taint, swap_taints};
use futures::StreamExt as _;
use k8s_api::core::v1::{Node, Pod, PodCondition};

use super::health::Observation;
use super::zones::{is_excluded, zone_of};
use super::{LEASE_NAMESPACE, NODE_WORKERS, NodeLifecycle, taints};
use crate::{BY_NODE, events};

/// How often a node's status is tried to be written in one look, and with which pauses.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(20);
/// After a failure to taint a node it has its turn again so much later.
const TAINT_PAUSE: Duration = Duration::from_millis(50);

/// What a look at a node tells.
struct Look {
    node: Arc<Node>,
    ready: bool,
    /// It is to be tainted; anew, if it has no such taint now.
    to_taint: Option<bool>,
}

impl NodeLifecycle {
    /// Looks at every node. Silent ones are tainted only after their zones have been judged, which may stop that.
    pub(super) async fn monitor(&self) {
        let started = Instant::now();
        let nodes = self.nodes.list();
        self.greet(&nodes).await;
        let looks = nodes.iter().cloned().map(|node| self.timed_look(node));
        let mut zones: BTreeMap<String, Vec<bool>> = BTreeMap::new();
        let mut to_taint = Vec::new();
        let mut looks = futures::stream::iter(looks).buffer_unordered(NODE_WORKERS);
        while let Some(look) = looks.next().await {
            let Some(look) = look else { continue };
            let zone = zone_of(&look.node);
            if let Some(anew) = look.to_taint {
                to_taint.push((zone.clone(), look.node.metadata.name.clone(), anew));
            }
            if !is_excluded(&look.node) {
                zones.entry(zone).or_default().push(look.ready);
            }
        }
        let entered_full_disruption = self.judge_zones(&zones, &nodes).await;
        if !entered_full_disruption {
            for (zone, name, anew) in to_taint {
                self.tainter.add(&zone, &name, anew);
            }
        }
        self.metrics.all.observe(started.elapsed().as_secs_f64());
    }

    async fn timed_look(&self, node: Arc<Node>) -> Option<Look> {
        let started = Instant::now();
        let look = self.look(&node).await;
        self.metrics.one.observe(started.elapsed().as_secs_f64());
        look
    }

    /// Tells of nodes that have come and gone.
    async fn greet(&self, nodes: &[Arc<Node>]) {
        let (new, gone) = {
            let mut health = self.health.lock();
            let new: Vec<_> = nodes.iter().filter(|node| !health.known(&node.metadata.name)).collect();
            (new, health.forget(|name| self.nodes.get("", name).is_some()))
        };
        for node in gone {
            let name = &node.metadata.name;
            self.tainter.remove(&zone_of(&node), name);
            let event = format!("Removing Node {name} from Controller");
            events::node_event(&self.recorder, &node, "RemovingNode", &event);
        }
        for node in new {
            let event = format!("Registered Node {} in Controller", node.metadata.name);
            events::node_event(&self.recorder, node, "RegisteredNode", &event);
            self.reachable(node).await;
        }
    }

    /// Looks at a node; nothing is known if its status cannot be written.
    async fn look(&self, node: &Arc<Node>) -> Option<Look> {
        let (node, observation) = self.observe(node).await?;
        let Some(ready) = observation.now else {
            return Some(Look {
                node,
                ready: false,
                to_taint: None,
            });
        };
        let to_taint = self.evict_or_spare(&node, &ready).await;
        let name = &node.metadata.name;
        let silenced = ready != "True" && observation.before == "True";
        if silenced {
            events::node_status(&self.recorder, &node, "NodeNotReady");
        }
        let again = self.retry.lock().remove(name) && observation.before != "True";
        if silenced || again {
            let mut failed = false;
            for pod in self.pods.by_index(BY_NODE, name) {
                if let Err(error) = self.mark_not_ready(&pod).await {
                    tracing::error!(node = name, %error, "Unable to mark all pods NotReady on node; queuing for retry");
                    failed = true;
                }
            }
            if failed {
                self.retry.lock().insert(name.clone());
            }
        }
        Some(Look {
            node,
            ready: ready == "True",
            to_taint,
        })
    }

    /// Takes note of a node's signs of life; the status of a silent one is written.
    async fn observe(&self, node: &Arc<Node>) -> Option<(Arc<Node>, Observation)> {
        let mut node = node.clone();
        let name = node.metadata.name.clone();
        for attempt in 1.. {
            let lease = self.leases.get(LEASE_NAMESPACE, &name);
            let now = self.clock.now_micro();
            let mut observation = self.health.lock().observe(&node, lease.as_deref(), self.grace, now);
            let Some(silent) = observation.silenced.take() else {
                return Some((node, observation));
            };
            let api = self.client.cluster::<Node>();
            let error = match api.update_status(&silent).await {
                Ok(written) => return Some((Arc::new(written), observation)),
                Err(error) => error,
            };
            if attempt == ATTEMPTS {
                tracing::error!(node = name, %error, "Update health of Node from Controller error, Skipping - no pods will be evicted");
                return None;
            }
            tokio::time::sleep(PAUSE).await;
            match api.get(&name).await {
                Ok(latest) => node = Arc::new(latest),
                Err(error) => {
                    tracing::error!(node = name, %error, "Failed while getting a Node to retry updating node health. Probably Node was deleted");
                    return None;
                }
            }
        }
        None
    }

    /// Tells whether a node's `Ready` wants it tainted, anew or still; frees it from such taints if it is ready.
    async fn evict_or_spare(&self, node: &Node, ready: &str) -> Option<bool> {
        let Some((wanted, other)) = taints::evicting(ready) else {
            if ready == "True" {
                self.reachable(node).await;
            }
            return None;
        };
        let name = &node.metadata.name;
        if !has_taint(node, &other) {
            return Some(!has_taint(node, &wanted));
        }
        // It loses its pods already; only the reason is another one.
        if let Err(error) = swap_taints(&self.client, name, &[wanted], &[other]).await {
            tracing::error!(node = name, %error, "Failed to instantly swap taints. Will try again in the next cycle");
        }
        None
    }

    /// A node is not to lose its pods.
    async fn reachable(&self, node: &Node) {
        let name = &node.metadata.name;
        let present = taints::evicting_of(node);
        if !present.is_empty()
            && let Err(error) = swap_taints(&self.client, name, &[], &present).await
        {
            tracing::error!(node = name, %error, "Failed to remove taints from node. Will retry in next iteration");
            return;
        }
        self.tainter.remove(&zone_of(node), name);
    }

    /// Judges the zones by their nodes; tells whether nothing is ready any more, for the first time.
    async fn judge_zones(&self, zones: &BTreeMap<String, Vec<bool>>, nodes: &[Arc<Node>]) -> bool {
        let decisions = self.zones.lock().judge(zones);
        decisions
            .standings
            .iter()
            .for_each(|standing| self.metrics.stand(standing));
        if decisions.entered_full_disruption {
            tracing::info!("Controller detected that all Nodes are not-Ready. Entering master disruption mode");
            for node in nodes {
                self.reachable(node).await;
            }
        }
        if decisions.left_full_disruption {
            tracing::info!("Controller detected that some Nodes are Ready. Exiting master disruption mode");
            self.health.lock().restart(self.clock.now_micro());
        }
        for (zone, rate) in decisions.rates {
            self.tainter.set_rate(&zone, rate);
        }
        decisions.entered_full_disruption
    }

    /// Taints nodes as their turn comes.
    pub(super) async fn taint_silent_nodes(&self) {
        loop {
            let (zone, name) = self.tainter.next().await;
            let Some(node) = self.nodes.get("", &name) else {
                continue;
            };
            let ready = condition(&node.status, "Ready").map(|ready| ready.status.as_str());
            let Some((wanted, other)) = ready.and_then(taints::evicting) else {
                // It is ready again; without the condition it is not known yet what it is.
                if ready.is_none() {
                    tokio::time::sleep(TAINT_PAUSE).await;
                    self.tainter.again(&zone, name);
                }
                continue;
            };
            match swap_taints(&self.client, &name, &[wanted], &[other]).await {
                Ok(()) => self.metrics.evictions.with(&[&zone]).inc(),
                Err(error) => {
                    tracing::error!(node = name, %error, "Unable to taint unresponsive Node");
                    tokio::time::sleep(TAINT_PAUSE).await;
                    self.tainter.again(&zone, name);
                }
            }
        }
    }

    /// A pod has come to a node.
    pub(super) async fn pod(&self, key: &ObjectKey) -> Result<Outcome, Error> {
        let Some(pod) = self.pods.get_key(key) else {
            return Ok(Outcome::Done);
        };
        let name = &pod.spec.node_name;
        if !self.health.lock().known(name) {
            // The first look at the node will deal with its pods.
            return Ok(Outcome::Done);
        }
        let ready = self
            .nodes
            .get("", name)
            .and_then(|node| condition(&node.status, "Ready").cloned());
        if ready.is_some_and(|ready| ready.status != "True") {
            self.mark_not_ready(&pod).await?;
        }
        Ok(Outcome::Done)
    }

    async fn mark_not_ready(&self, pod: &Pod) -> Result<(), Error> {
        let Some(ready) = controller_objects::pods::condition(&pod.status, "Ready") else {
            return Ok(());
        };
        if ready.status == "False" {
            return Ok(());
        }
        let mut changed = pod.clone();
        let not_ready = PodCondition {
            status: "False".to_owned(),
            ..ready.clone()
        };
        controller_objects::pods::set_condition(&mut changed.status, not_ready, self.clock.now());
        let api = self.client.namespaced::<Pod>(pod.metadata.namespace.clone());
        match api.update_status(&changed).await {
            Err(error) if error.is_not_found() => return Ok(()),
            outcome => outcome.map(drop)?,
        }
        self.recorder
            .event(pod, EventType::Warning, "NodeNotReady", "Node is not ready");
        Ok(())
    }
}
