//! Which endpoints of a service port take which traffic on this node. Pure: no rules, no IO.
//!
//! A backend renders a [`ServicePortPlan`] and decides nothing itself, so that all backends route alike.
//! Counterpart upstream: `topology.go` and the head of each proxier's loop over service ports.

use std::sync::Arc;

use crate::endpoints::Endpoint;
use crate::service::ServicePortInfo;
use crate::types::{NamespacedName, ServicePortName};

/// What this node is, as far as routing depends on it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeTopology {
    /// The node's name.
    pub node_name: Arc<str>,
    /// The label `topology.kubernetes.io/zone`, empty when the node has none.
    pub zone: Arc<str>,
}

/// How the hints of the ready endpoints restrict a service on this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TopologyMode {
    None,
    SameNode,
    SameZone,
}

/// What happens to traffic that no endpoint takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterVerdict {
    /// Nobody in the cluster serves it: refuse at once.
    Reject,
    /// Others serve it, this node must not: drop, so that clients of a load balancer retry elsewhere.
    Drop,
}

/// Which of a service port's two balancing chains traffic goes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrafficPolicy {
    /// All endpoints.
    Cluster,
    /// This node's endpoints.
    Local,
}

/// The routing of one service port on this node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePortPlan {
    /// Name.
    pub name: ServicePortName,
    /// Addresses, ports and policies.
    pub info: Arc<ServicePortInfo>,
    /// Endpoints for the Cluster policy, in order.
    pub cluster: Vec<Endpoint>,
    /// Endpoints for the Local policy, in order.
    pub local: Vec<Endpoint>,
    /// Union of the two, in order.
    pub reachable: Vec<Endpoint>,
    /// Some endpoint of the cluster can take traffic, even if it is not reachable from here.
    pub has_endpoints: bool,
}

/// All ports of one service; empty when the service is gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServicePlan {
    /// The service.
    pub service: NamespacedName,
    /// Its ports.
    pub ports: Vec<ServicePortPlan>,
}

impl ServicePortPlan {
    /// Works out the routing of one service port.
    #[must_use]
    pub fn new(name: ServicePortName, info: Arc<ServicePortInfo>, endpoints: &[Endpoint], node: &NodeTopology) -> Self {
        let mut plan = Self {
            name,
            info,
            cluster: Vec::new(),
            local: Vec::new(),
            reachable: Vec::new(),
            has_endpoints: false,
        };
        if endpoints.is_empty() {
            return plan;
        }
        let mut mode = TopologyMode::None;
        if plan.info.uses_cluster_endpoints() {
            mode = topology_mode(endpoints, node);
            plan.cluster = select(endpoints, |endpoint| endpoint.ready && available(endpoint, mode, node));
            if plan.cluster.is_empty() {
                plan.cluster = select(endpoints, Endpoint::serving_terminating);
            }
            plan.has_endpoints = !plan.cluster.is_empty();
        }
        let mut local_terminating = false;
        if plan.info.uses_local_endpoints() {
            plan.has_endpoints |= endpoints
                .iter()
                .any(|endpoint| endpoint.ready || endpoint.serving_terminating());
            plan.local = select(endpoints, |endpoint| endpoint.local && endpoint.ready);
            if plan.local.is_empty() {
                plan.local = select(endpoints, |endpoint| endpoint.local && endpoint.serving_terminating());
                local_terminating = !plan.local.is_empty();
            }
        }
        plan.reachable = if !plan.info.uses_local_endpoints() {
            plan.cluster.clone()
        } else if !plan.info.uses_cluster_endpoints() {
            plan.local.clone()
        } else if mode == TopologyMode::None && !local_terminating {
            // Every ready endpoint is in `cluster`, and `local` has ready ones only.
            plan.cluster.clone()
        } else {
            let within = |list: &[Endpoint], endpoint: &Endpoint| {
                list.iter()
                    .any(|other| other.ip == endpoint.ip && other.port == endpoint.port)
            };
            select(endpoints, |endpoint| {
                within(&plan.cluster, endpoint) || within(&plan.local, endpoint)
            })
        };
        plan
    }

    /// The balancing chain for all endpoints is needed.
    #[must_use]
    pub fn uses_cluster_chain(&self) -> bool {
        !self.cluster.is_empty() && self.info.uses_cluster_endpoints()
    }

    /// The balancing chain for this node's endpoints is needed.
    #[must_use]
    pub fn uses_local_chain(&self) -> bool {
        !self.local.is_empty() && self.info.uses_local_endpoints()
    }

    /// The chain that external traffic passes first is needed.
    #[must_use]
    pub fn uses_external_chain(&self) -> bool {
        self.has_endpoints && self.info.externally_accessible()
    }

    /// Policy of traffic to the cluster IP.
    #[must_use]
    pub fn internal_policy(&self) -> TrafficPolicy {
        if self.info.internal_policy_local {
            TrafficPolicy::Local
        } else {
            TrafficPolicy::Cluster
        }
    }

    /// Policy of traffic to node ports, external and load balancer addresses.
    #[must_use]
    pub fn external_policy(&self) -> TrafficPolicy {
        if self.info.external_policy_local {
            TrafficPolicy::Local
        } else {
            TrafficPolicy::Cluster
        }
    }

    /// What happens to internal traffic that cannot be served here; `None` when it can.
    #[must_use]
    pub fn internal_verdict(&self) -> Option<FilterVerdict> {
        self.verdict(self.internal_policy())
    }

    /// What happens to external traffic that cannot be served here; `None` when it can.
    #[must_use]
    pub fn external_verdict(&self) -> Option<FilterVerdict> {
        self.verdict(self.external_policy())
    }

    fn verdict(&self, policy: TrafficPolicy) -> Option<FilterVerdict> {
        if !self.has_endpoints {
            Some(FilterVerdict::Reject)
        } else if policy == TrafficPolicy::Local && self.local.is_empty() {
            Some(FilterVerdict::Drop)
        } else {
            None
        }
    }

    /// Load balancer addresses are open to some sources only.
    #[must_use]
    pub fn uses_firewall(&self) -> bool {
        !self.info.load_balancer_vips.is_empty() && !self.info.load_balancer_source_ranges.is_empty()
    }
}

fn select(endpoints: &[Endpoint], keep: impl Fn(&Endpoint) -> bool) -> Vec<Endpoint> {
    endpoints.iter().filter(|endpoint| keep(endpoint)).cloned().collect()
}

/// Hints count only when every ready endpoint has them and at least one is meant for this node (or zone): otherwise
/// a slice controller that is behind would leave this node without endpoints.
fn topology_mode(endpoints: &[Endpoint], node: &NodeTopology) -> TopologyMode {
    let mut ready = endpoints.iter().filter(|endpoint| endpoint.ready).peekable();
    if ready.peek().is_none() {
        return TopologyMode::None;
    }
    let (mut all_nodes, mut all_zones, mut for_node, mut for_zone) = (true, true, false, false);
    for endpoint in ready {
        let (nodes, zones) = match endpoint.hints.as_deref() {
            Some(hints) => (hints.nodes.as_slice(), hints.zones.as_slice()),
            None => (&[][..], &[][..]),
        };
        all_nodes &= !nodes.is_empty();
        for_node |= nodes.iter().any(|name| **name == *node.node_name);
        all_zones &= !zones.is_empty();
        for_zone |= zones.iter().any(|zone| **zone == *node.zone);
    }
    if all_nodes && for_node {
        TopologyMode::SameNode
    } else if all_zones && for_zone {
        TopologyMode::SameZone
    } else {
        TopologyMode::None
    }
}

fn available(endpoint: &Endpoint, mode: TopologyMode, node: &NodeTopology) -> bool {
    let hints = endpoint.hints.as_deref();
    match mode {
        TopologyMode::None => true,
        TopologyMode::SameNode => hints.is_some_and(|hints| hints.nodes.iter().any(|name| **name == *node.node_name)),
        TopologyMode::SameZone => hints.is_some_and(|hints| hints.zones.iter().any(|zone| **zone == *node.zone)),
    }
}

#[cfg(test)]
mod tests;
