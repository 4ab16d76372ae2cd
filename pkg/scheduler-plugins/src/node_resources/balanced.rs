//! NodeResourcesBalancedAllocation: nodes on which the pod evens out how much of each resource is used.

use scheduler_framework::config::args::NodeResourcesBalancedAllocationArgs;
use scheduler_framework::plugin::{Plugin, PreScore, Score, ScoreContext};
use scheduler_framework::{
    CycleState, Feasible, MAX_NODE_SCORE, NodeInfo, PodInfo, Snapshot, Status, extension_points, names,
};

use super::scorer::Scored;

/// The plugin.
#[derive(Debug)]
pub struct BalancedAllocation {
    resources: Vec<Scored>,
}

/// What the use of resources comes to, taken in one by one.
#[derive(Default)]
struct Spread {
    count: u32,
    sum: f64,
    squares: f64,
    first: f64,
    last: f64,
}

impl Spread {
    fn add(&mut self, used: i64, has: i64) {
        let fraction = (used as f64 / has as f64).min(1.0);
        if self.count == 0 {
            self.first = fraction;
        }
        self.last = fraction;
        self.count += 1;
        self.sum += fraction;
        self.squares += fraction * fraction;
    }

    fn score(&self) -> i64 {
        let deviation = match self.count {
            0 | 1 => 0.0,
            2 => ((self.first - self.last) / 2.0).abs(),
            count => {
                let mean = self.sum / f64::from(count);
                (self.squares / f64::from(count) - mean * mean).max(0.0).sqrt()
            }
        };
        ((1.0 - deviation) * MAX_NODE_SCORE as f64) as i64
    }
}

impl BalancedAllocation {
    /// The plugin with these arguments.
    #[must_use]
    pub fn new(args: &NodeResourcesBalancedAllocationArgs) -> Self {
        Self {
            resources: Scored::all(&args.resources),
        }
    }

    fn requests(&self, pod: &PodInfo) -> impl Iterator<Item = i64> {
        self.resources.iter().map(|resource| resource.of_pod(pod, false))
    }
}

impl Plugin for BalancedAllocation {
    fn name(&self) -> &'static str {
        names::NODE_RESOURCES_BALANCED_ALLOCATION
    }

    extension_points!(as_pre_score: PreScore, as_score: Score);
}

impl PreScore for BalancedAllocation {
    fn pre_score(&self, _state: &mut CycleState, pod: &PodInfo, _nodes: &Feasible<'_>, _snapshot: &Snapshot) -> Status {
        if self.requests(pod).all(|request| request == 0) {
            return Status::SKIP;
        }
        Status::SUCCESS
    }
}

impl Score for BalancedAllocation {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        let requests: Vec<i64> = self.requests(context.pod).collect();
        for (node, score) in nodes.iter().zip(scores) {
            let (mut with, mut without) = (Spread::default(), Spread::default());
            for (resource, request) in self.resources.iter().zip(&requests) {
                if let Some((has, used)) = resource.of_node(node, *request, false) {
                    with.add(used + request, has);
                    without.add(used, has);
                }
            }
            let half = MAX_NODE_SCORE / 2;
            *score = half + (half + with.score() - without.score()) / 2;
        }
        Ok(())
    }

    fn is_local(&self) -> bool {
        true
    }
}
