//! Rolling updates: by ending old pods first, or by starting new ones beside them.

use std::sync::Arc;

use k8s_api::apps::v1::DaemonSet;
use k8s_api::core::v1::Pod;
use k8s_api::primitives::IntOrString;

use super::manage::Plan;
use super::{Sync, template};

fn scaled(value: Option<&IntOrString>, total: usize) -> usize {
    // Validation has seen to it that it is a number or a percentage.
    let total = i64::try_from(total).unwrap_or(i64::MAX);
    let number = value.map_or(Ok(0), |value| value.scaled(total, true)).unwrap_or(0);
    usize::try_from(number).unwrap_or(0)
}

/// How many nodes may have two pods, and how many none.
fn bounds(set: &DaemonSet, nodes: usize) -> (usize, usize) {
    let strategy = &set.spec.update_strategy;
    let rolling = strategy
        .rolling_update
        .as_ref()
        .filter(|_| strategy.type_ == "RollingUpdate");
    let surge = scaled(rolling.and_then(|rolling| rolling.max_surge.as_ref()), nodes);
    let unavailable = scaled(rolling.and_then(|rolling| rolling.max_unavailable.as_ref()), nodes);
    (surge, unavailable)
}

/// Whether a node may have two pods for a while.
pub(super) fn allows_surge(set: &DaemonSet) -> bool {
    bounds(set, 1).0 > 0
}

/// The pods of a node by template; nothing if there are several of one.
struct NodePods<'a> {
    new: Option<&'a Arc<Pod>>,
    old: Option<&'a Arc<Pod>>,
}

impl Sync<'_> {
    fn node_pods(&self, node: &str) -> Option<NodePods<'_>> {
        let mut found = NodePods { new: None, old: None };
        let pods = self.pods.get(node).into_iter().flatten();
        for pod in pods.filter(|pod| pod.metadata.deletion_timestamp.is_none()) {
            let place = if template::is_updated(self.set, &self.hash, pod) {
                &mut found.new
            } else {
                &mut found.old
            };
            if place.replace(pod).is_some() {
                return None;
            }
        }
        Some(found)
    }

    /// Every node that should have a pod, or has one.
    fn update_nodes(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.pods.keys().map(String::as_str).collect();
        let without = self.nodes.iter().filter(|fit| fit.runs);
        names.extend(
            without
                .map(|fit| fit.node.metadata.name.as_str())
                .filter(|name| !self.pods.contains_key(*name)),
        );
        names
    }

    pub(super) fn plan_update(&self) -> Plan {
        let wanted = self.nodes.iter().filter(|fit| fit.runs).count();
        let (surge, mut unavailable) = bounds(self.set, wanted);
        if wanted > 0 && surge == 0 && unavailable == 0 {
            unavailable = 1;
        }
        if surge == 0 {
            self.plan_replacement(unavailable)
        } else {
            self.plan_beside(surge, wanted)
        }
    }

    /// Ends old pods as far as enough nodes have an available one; those that are not available anyway at once.
    fn plan_replacement(&self, max_unavailable: usize) -> Plan {
        let mut plan = Plan::default();
        let (mut unavailable, mut candidates) = (0, Vec::new());
        for node in self.update_nodes() {
            match self.node_pods(node) {
                Some(NodePods {
                    new: None,
                    old: Some(old),
                }) => {
                    if self.is_available(old) {
                        candidates.push(old.clone());
                    } else {
                        plan.delete.push(old.clone());
                        unavailable += 1;
                    }
                }
                Some(NodePods {
                    new: Some(new),
                    old: None,
                }) => unavailable += usize::from(!self.is_available(new)),
                _ => unavailable += 1,
            }
        }
        candidates.truncate(max_unavailable.saturating_sub(unavailable));
        plan.delete.append(&mut candidates);
        plan
    }

    /// Starts new pods beside old ones, which end when the new ones are available.
    fn plan_beside(&self, max_surge: usize, wanted: usize) -> Plan {
        let runs = |node: &str| self.nodes.iter().any(|fit| fit.runs && fit.node.metadata.name == node);
        let mut plan = Plan::default();
        let (mut surge, mut available) = (0, 0_usize);
        let (mut candidates, mut elsewhere) = (Vec::new(), Vec::new());
        for node in self.update_nodes() {
            let Some(NodePods { new, old }) = self.node_pods(node) else {
                surge += 1;
                continue;
            };
            available += usize::from(old.or(new).is_some_and(|pod| self.is_available(pod)));
            match (new, old) {
                (_, None) => {}
                (None, Some(old)) if !self.is_available(old) => {
                    if runs(node) {
                        plan.create.push(node.to_owned());
                    } else {
                        plan.delete.push(old.clone());
                    }
                }
                (None, Some(old)) if !runs(node) => elsewhere.push(old.clone()),
                (None, Some(_)) => candidates.push(node.to_owned()),
                (Some(new), Some(_)) if !self.is_available(new) => surge += 1,
                (Some(_), Some(old)) => plan.delete.push(old.clone()),
            }
        }
        elsewhere.truncate(available.saturating_sub(wanted));
        plan.delete.append(&mut elsewhere);
        candidates.truncate(max_surge.saturating_sub(surge));
        plan.create.append(&mut candidates);
        plan
    }
}
