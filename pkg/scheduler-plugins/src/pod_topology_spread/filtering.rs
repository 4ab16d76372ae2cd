//! The condition: no part of the topology may have more than `maxSkew` pods more than the part with the fewest.

use std::sync::Arc;

use scheduler_framework::plugin::{Filter, PreFilter, PreFilterExtensions, PreFiltered};
use scheduler_framework::topology::Topology;
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status};

use super::constraint::{Constraint, has_all};
use super::{PodTopologySpread, REASON, REASON_LABEL};

/// The two parts with the fewest pods. The first one's number is the minimum as long as changes are told of.
#[derive(Clone, Copy, Debug)]
struct Fewest([(usize, i64); 2]);

const NOWHERE: usize = usize::MAX;

impl Fewest {
    fn of(counts: &[Option<i64>]) -> Self {
        let mut fewest = Self([(NOWHERE, i64::from(i32::MAX)); 2]);
        for (domain, count) in counts.iter().enumerate() {
            if let Some(count) = count {
                fewest.update(domain, *count);
            }
        }
        fewest
    }

    fn update(&mut self, domain: usize, count: i64) {
        let [first, second] = &mut self.0;
        if first.0 == domain {
            first.1 = count;
        } else if second.0 == domain {
            second.1 = count;
        } else if count < first.1 {
            *second = *first;
            *first = (domain, count);
            return;
        } else if count < second.1 {
            *second = (domain, count);
            return;
        }
        if first.1 > second.1 {
            std::mem::swap(first, second);
        }
    }

    fn min(&self) -> i64 {
        self.0[0].1
    }
}

/// What is known about one constraint.
#[derive(Clone)]
pub(super) struct Counted {
    constraint: Constraint,
    /// Pods by part; `None` for parts without a node that counts.
    counts: Vec<Option<i64>>,
    domains: usize,
    fewest: Fewest,
    /// Whether the pod itself counts.
    self_match: i64,
}

/// The cycle's state.
#[derive(Clone)]
pub(super) struct State {
    topologies: Arc<[Arc<Topology>]>,
    constraints: Vec<Counted>,
}

impl State {
    fn update(&mut self, plugin: &PodTopologySpread, pod: &PodInfo, changed: &PodInfo, node: &NodeInfo, delta: i64) {
        if changed.namespace() != pod.namespace() || !has_all(&self.topologies, node) {
            return;
        }
        for (counted, topology) in self.constraints.iter_mut().zip(&*self.topologies) {
            let constraint = &counted.constraint;
            if !constraint.selector.matches(&changed.pod.metadata.labels)
                || !constraint.counts_node(pod, node, plugin.comparison)
            {
                continue;
            }
            let Some(domain) = topology.domain(node) else { continue };
            let count = counted.counts[domain].unwrap_or(0) + delta;
            if counted.counts[domain].is_none() {
                counted.domains += 1;
            }
            counted.counts[domain] = Some(count);
            counted.fewest.update(domain, count);
        }
    }
}

impl PreFilter for PodTopologySpread {
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, snapshot: &Snapshot) -> PreFiltered {
        let constraints = match self.hard(pod) {
            Err(error) => {
                return PreFiltered::Failed(Status::error(format!("get constraints from pod: {error}")));
            }
            Ok(constraints) if constraints.is_empty() => return PreFiltered::Skip,
            Ok(constraints) => constraints,
        };
        let topologies: Arc<[_]> = constraints
            .iter()
            .map(|constraint| snapshot.topology(&constraint.topology_key))
            .collect();
        let count = |(constraint, topology): (Constraint, &Arc<Topology>)| {
            let pods = constraint.pods(pod, snapshot);
            let mut counts = vec![None; topology.len()];
            for node in snapshot.nodes() {
                if let Some(domain) = topology.domain(node)
                    && has_all(&topologies, node)
                    && constraint.counts_node(pod, node, self.comparison)
                {
                    *counts[domain].get_or_insert(0) += i64::from(pods.on(node));
                }
            }
            Counted {
                self_match: i64::from(constraint.selector.matches(&pod.pod.metadata.labels)),
                domains: counts.iter().flatten().count(),
                fewest: Fewest::of(&counts),
                counts,
                constraint,
            }
        };
        let constraints = constraints.into_iter().zip(&*topologies).map(count).collect();
        state.insert(State {
            topologies: topologies.clone(),
            constraints,
        });
        PreFiltered::AllNodes
    }

    fn extensions(&self) -> Option<&dyn PreFilterExtensions> {
        Some(self)
    }
}

impl PreFilterExtensions for PodTopologySpread {
    fn add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) -> Status {
        if let Some(state) = state.get_mut::<State>() {
            state.update(self, pod, added, node, 1);
        }
        Status::SUCCESS
    }

    fn remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) -> Status {
        if let Some(state) = state.get_mut::<State>() {
            state.update(self, pod, removed, node, -1);
        }
        Status::SUCCESS
    }
}

impl Filter for PodTopologySpread {
    fn filter(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Status {
        let Some(state) = state.get::<State>() else {
            return Status::SUCCESS;
        };
        for (counted, topology) in state.constraints.iter().zip(&*state.topologies) {
            let Some(domain) = topology.domain(node) else {
                return Status::fixed(Code::UnschedulableAndUnresolvable, REASON_LABEL);
            };
            let min = if counted.domains < counted.constraint.min_domains {
                0
            } else {
                counted.fewest.min()
            };
            let count = counted.counts.get(domain).copied().flatten().unwrap_or(0);
            if count + counted.self_match - min > counted.constraint.max_skew {
                return Status::fixed(Code::Unschedulable, REASON);
            }
        }
        Status::SUCCESS
    }
}
