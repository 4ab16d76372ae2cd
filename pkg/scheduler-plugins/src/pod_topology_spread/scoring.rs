//! The preference: parts of the topology with fewer pods.

use std::sync::Arc;

use scheduler_framework::plugin::{PreScore, Score, ScoreContext, ScoreExtensions};
use scheduler_framework::pod_counts::NodeCounts;
use scheduler_framework::topology::Topology;
use scheduler_framework::{CycleState, Feasible, MAX_NODE_SCORE, NodeInfo, PodInfo, Snapshot, Status};

use super::constraint::has_all;
use super::{HOSTNAME, PodTopologySpread, SCHEDULE_ANYWAY};

/// Where the pods of one constraint are.
#[derive(Clone)]
enum Pods {
    /// By node: the nodes are the parts.
    Nodes(Arc<NodeCounts>),
    /// By part.
    Domains(Vec<i64>),
}

#[derive(Clone)]
struct Counted {
    topology: Arc<Topology>,
    pods: Pods,
    max_skew: i64,
    weight: f64,
}

/// The cycle's state.
#[derive(Clone)]
struct State {
    constraints: Arc<[Counted]>,
    topologies: Arc<[Arc<Topology>]>,
    /// Whether nodes that lack a topology's label are left out.
    require_all: bool,
}

impl State {
    fn ignores(&self, node: &NodeInfo) -> bool {
        self.require_all && !has_all(&self.topologies, node)
    }
}

/// How many parts the nodes are in. Nodes without the label are a part of their own.
fn parts(topology: &Topology, nodes: &[&NodeInfo], left_out: impl Fn(&NodeInfo) -> bool) -> usize {
    let mut seen = vec![false; topology.len() + 1];
    for node in nodes.iter().filter(|node| !left_out(node)) {
        seen[topology.domain(node).unwrap_or(topology.len())] = true;
    }
    seen.into_iter().filter(|seen| *seen).count()
}

impl PreScore for PodTopologySpread {
    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, nodes: &Feasible<'_>, snapshot: &Snapshot) -> Status {
        let constraints = match self.constraints(pod, SCHEDULE_ANYWAY) {
            Err(error) => {
                let words = "calculating preScoreState: obtaining pod's soft topology spread constraints";
                return Status::error(format!("{words}: {error}"));
            }
            Ok(constraints) if constraints.is_empty() => return Status::SKIP,
            Ok(constraints) => constraints,
        };
        let require_all = !pod.pod.spec.topology_spread_constraints.is_empty() || !self.system_defaults;
        let topologies: Arc<[_]> = constraints
            .iter()
            .map(|constraint| snapshot.topology(&constraint.topology_key))
            .collect();
        let left_out = |node: &NodeInfo| require_all && !has_all(&topologies, node);
        let mut counted = Vec::with_capacity(constraints.len());
        for (constraint, topology) in constraints.iter().zip(&*topologies) {
            let pods = constraint.pods(pod, snapshot);
            let (pods, size) = if &*constraint.topology_key == HOSTNAME {
                let size = nodes.nodes().iter().filter(|node| !left_out(node)).count();
                (Pods::Nodes(pods), size)
            } else {
                let mut domains = vec![0; topology.len()];
                if pods.total() > 0 {
                    for node in snapshot.nodes() {
                        let count = i64::from(pods.on(node));
                        if count > 0
                            && let Some(domain) = topology.domain(node)
                            && !left_out(node)
                            && constraint.counts_node(pod, node, self.comparison)
                        {
                            domains[domain] += count;
                        }
                    }
                }
                (Pods::Domains(domains), parts(topology, nodes.nodes(), left_out))
            };
            counted.push(Counted {
                topology: topology.clone(),
                pods,
                max_skew: constraint.max_skew,
                weight: (size as f64 + 2.0).ln(),
            });
        }
        state.insert(State {
            constraints: counted.into(),
            topologies: topologies.clone(),
            require_all,
        });
        Status::SUCCESS
    }
}

impl Score for PodTopologySpread {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        let Some(state) = context.state.get::<State>() else {
            return Ok(());
        };
        for (node, score) in nodes.iter().zip(scores) {
            *score = 0;
            if state.ignores(node) {
                continue;
            }
            let mut sum = 0.0;
            for counted in &*state.constraints {
                let Some(domain) = counted.topology.domain(node) else {
                    continue;
                };
                let count = match &counted.pods {
                    Pods::Nodes(counts) => i64::from(counts.on(node)),
                    Pods::Domains(domains) => domains.get(domain).copied().unwrap_or(0),
                };
                sum += count as f64 * counted.weight + (counted.max_skew - 1) as f64;
            }
            *score = sum.round() as i64;
        }
        Ok(())
    }

    fn extensions(&self) -> Option<&dyn ScoreExtensions> {
        Some(self)
    }
}

impl ScoreExtensions for PodTopologySpread {
    fn normalize(&self, context: ScoreContext<'_>, nodes: &Feasible<'_>, scores: &mut [i64]) -> Result<(), Status> {
        let Some(state) = context.state.get::<State>() else {
            return Ok(());
        };
        let taken_in = |(node, score): (&&NodeInfo, &i64)| (!state.ignores(node)).then_some(*score);
        let (mut min, mut max) = (i64::MAX, 0);
        for score in nodes.nodes().iter().zip(scores.iter()).filter_map(taken_in) {
            min = min.min(score);
            max = max.max(score);
        }
        for (node, score) in nodes.nodes().iter().zip(scores) {
            *score = if state.ignores(node) {
                0
            } else if max == 0 {
                MAX_NODE_SCORE
            } else {
                MAX_NODE_SCORE * (max + min - *score) / max
            };
        }
        Ok(())
    }
}
