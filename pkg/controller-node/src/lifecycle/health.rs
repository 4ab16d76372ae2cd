//! What is known of nodes' signs of life, and what silence makes of their conditions.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use controller_objects::nodes::condition;
use k8s_api::coordination::v1::Lease;
use k8s_api::core::v1::{Node, NodeCondition};
use k8s_api::primitives::{MicroTime, Time};

/// Conditions that the kubelet keeps. Of the network another component tells.
const OF_KUBELET: [&str; 4] = ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"];

/// For how long a node may be silent.
#[derive(Clone, Copy, Debug)]
pub(super) struct GracePeriods {
    /// Before it has said anything.
    pub(super) startup: Duration,
    /// Afterwards.
    pub(super) monitor: Duration,
}

/// Signs of life of one node. Times are those of this process: clocks of nodes are not to be trusted.
#[derive(Clone, Debug)]
struct Health {
    /// When the latest sign was noticed.
    probe: MicroTime,
    /// `lastHeartbeatTime` of the condition `Ready`, if it has one.
    heartbeat: Option<Option<Time>>,
    /// `renewTime` of the lease.
    renewed: Option<MicroTime>,
}

/// Signs of life of all nodes.
#[derive(Debug, Default)]
pub(super) struct HealthBook {
    nodes: HashMap<String, (Health, Arc<Node>)>,
}

/// What a look at a node found.
#[derive(Debug)]
pub(super) struct Observation {
    /// The status of `Ready` before the look; `Unknown` without that condition.
    pub(super) before: String,
    /// The node with other conditions, if silence has changed them.
    pub(super) silenced: Option<Node>,
    /// The status of `Ready` now, if there is that condition.
    pub(super) now: Option<String>,
}

impl HealthBook {
    /// The nodes that were looked at before.
    pub(super) fn known(&self, name: &str) -> bool {
        self.nodes.contains_key(name)
    }

    /// Forgets nodes that are gone, and gives them back.
    pub(super) fn forget(&mut self, present: impl Fn(&str) -> bool) -> Vec<Arc<Node>> {
        let mut gone = Vec::new();
        self.nodes.retain(|name, (_, node)| {
            let stays = present(name);
            if !stays {
                gone.push(node.clone());
            }
            stays
        });
        gone
    }

    /// Every node has just given a sign: nobody could have noticed one in the time before.
    pub(super) fn restart(&mut self, now: MicroTime) {
        self.nodes.values_mut().for_each(|(health, _)| health.probe = now);
    }

    /// Looks at a node.
    pub(super) fn observe(
        &mut self,
        node: &Arc<Node>,
        lease: Option<&Lease>,
        grace: GracePeriods,
        now: MicroTime,
    ) -> Observation {
        let ready = condition(&node.status, "Ready");
        let heartbeat = ready.map(|ready| ready.last_heartbeat_time);
        let created = node.metadata.creation_timestamp.unwrap_or(Time::ZERO);
        let saved = self.nodes.get(&node.metadata.name).map(|(health, _)| health.clone());
        let mut health = match saved {
            Some(saved) if saved.heartbeat == heartbeat => saved,
            // A node without a status counts from its creation, other news from now.
            None if heartbeat.is_none() => Health {
                probe: created.into(),
                heartbeat,
                renewed: None,
            },
            saved => Health {
                probe: now,
                heartbeat,
                renewed: saved.and_then(|saved| saved.renewed),
            },
        };
        let renewed = lease.and_then(|lease| lease.spec.renew_time);
        if lease.is_some()
            && health
                .renewed
                .is_none_or(|saved| renewed.is_some_and(|renewed| saved < renewed))
        {
            health.renewed = renewed.or(Some(MicroTime::ZERO));
            health.probe = now;
        }
        let grace = if ready.is_some() { grace.monitor } else { grace.startup };
        let before = ready.map_or_else(|| "Unknown".to_owned(), |ready| ready.status.clone());
        let silenced = (now > health.probe.plus(grace))
            .then(|| silence(node, created, now.into()))
            .flatten();
        if let Some(silenced) = &silenced {
            health.heartbeat = condition(&silenced.status, "Ready").map(|ready| ready.last_heartbeat_time);
        }
        let now_ready = silenced.as_ref().map_or(ready, |node| condition(&node.status, "Ready"));
        let now_ready = now_ready.map(|ready| ready.status.clone());
        self.nodes.insert(node.metadata.name.clone(), (health, node.clone()));
        Observation {
            before,
            silenced,
            now: now_ready,
        }
    }
}

/// The node with the conditions that it has for saying nothing, if that changes what `Ready` says.
fn silence(node: &Node, created: Time, now: Time) -> Option<Node> {
    let mut silent = node.clone();
    for type_ in OF_KUBELET {
        match silent
            .status
            .conditions
            .iter_mut()
            .find(|condition| condition.type_ == type_)
        {
            None => silent.status.conditions.push(NodeCondition {
                type_: type_.to_owned(),
                status: "Unknown".to_owned(),
                reason: "NodeStatusNeverUpdated".to_owned(),
                message: "Kubelet never posted node status.".to_owned(),
                last_heartbeat_time: Some(created),
                last_transition_time: Some(now),
            }),
            Some(present) if present.status != "Unknown" => {
                "Unknown".clone_into(&mut present.status);
                "NodeStatusUnknown".clone_into(&mut present.reason);
                "Kubelet stopped posting node status.".clone_into(&mut present.message);
                present.last_transition_time = Some(now);
            }
            Some(_) => {}
        }
    }
    (condition(&silent.status, "Ready") != condition(&node.status, "Ready")).then_some(silent)
}
