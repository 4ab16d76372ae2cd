//! NodeResourcesFit.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use k8s_api::core::v1::Node;
use scheduler_framework::config::args::{
    LEAST_ALLOCATED, MOST_ALLOCATED, NodeResourcesFitArgs, REQUESTED_TO_CAPACITY_RATIO,
};
use scheduler_framework::events::{ActionType, EventHint, EventObjects, EventResource, QueueingHint};
use scheduler_framework::plugin::{Filter, Plugin, Score, ScoreContext};
use scheduler_framework::resource::is_extended;
use scheduler_framework::{
    Code, CycleState, MAX_NODE_SCORE, NodeInfo, PodInfo, Resource, Status, extension_points, names,
};

use super::scorer::{Curve, Scored};

#[derive(Debug)]
enum Strategy {
    Least,
    Most,
    Ratio(Curve),
}

/// The plugin.
#[derive(Debug)]
pub struct Fit {
    ignored: BTreeSet<String>,
    ignored_groups: BTreeSet<String>,
    strategy: Strategy,
    resources: Vec<Scored>,
}

/// What of a pod's requests a node does not have free: reasons, and whether the node could never have it.
struct Insufficient {
    reasons: Vec<Cow<'static, str>>,
    unresolvable: bool,
}

impl Insufficient {
    fn check(&mut self, reason: &'static str, wanted: i64, has: i64, used: i64) {
        if wanted > 0 && wanted > has - used {
            self.reasons.push(Cow::Borrowed(reason));
            self.unresolvable |= wanted > has;
        }
    }
}

/// Why requests do not fit a node; success if they do. `ignored` leaves resources out.
#[must_use]
pub fn insufficient(wanted: &Resource, node: &NodeInfo, ignored: impl Fn(&str) -> bool) -> Status {
    let (has, used) = (&node.allocatable, &node.requested);
    // Nearly every call ends here.
    if fits(wanted, node) {
        return Status::SUCCESS;
    }
    let mut found = Insufficient {
        reasons: Vec::new(),
        unresolvable: false,
    };
    if node.pods.len() + 1 > usize::try_from(has.allowed_pods).unwrap_or(0) {
        found.reasons.push(Cow::Borrowed("Too many pods"));
    }
    if !wanted.is_zero() {
        found.check("Insufficient cpu", wanted.milli_cpu, has.milli_cpu, used.milli_cpu);
        found.check("Insufficient memory", wanted.memory, has.memory, used.memory);
        found.check(
            "Insufficient ephemeral-storage",
            wanted.ephemeral_storage,
            has.ephemeral_storage,
            used.ephemeral_storage,
        );
        for (name, amount) in wanted.scalars().filter(|(name, amount)| *amount != 0 && !ignored(name)) {
            let has = has.scalar(name).unwrap_or(0);
            if amount > has - used.scalar(name).unwrap_or(0) {
                found.reasons.push(Cow::Owned(format!("Insufficient {name}")));
                found.unresolvable |= amount > has;
            }
        }
    }
    let code = if found.unresolvable {
        Code::UnschedulableAndUnresolvable
    } else {
        Code::Unschedulable
    };
    match found.reasons.as_slice() {
        [] => Status::SUCCESS,
        [Cow::Borrowed(only)] => Status::fixed(code, only),
        _ => Status::new(code, found.reasons),
    }
}

fn fits(wanted: &Resource, node: &NodeInfo) -> bool {
    let (has, used) = (&node.allocatable, &node.requested);
    let free = |wanted: i64, has: i64, used: i64| wanted <= 0 || wanted <= has - used;
    (node.pods.len() as i64) < has.allowed_pods
        && free(wanted.milli_cpu, has.milli_cpu, used.milli_cpu)
        && free(wanted.memory, has.memory, used.memory)
        && free(wanted.ephemeral_storage, has.ephemeral_storage, used.ephemeral_storage)
        && wanted.scalars().len() == 0
}

impl Fit {
    /// The plugin with these arguments.
    ///
    /// # Errors
    /// An unknown strategy, or a ratio without its curve.
    pub fn new(args: &NodeResourcesFitArgs) -> Result<Self, String> {
        let strategy = &args.scoring_strategy;
        Ok(Self {
            ignored: args.ignored_resources.iter().cloned().collect(),
            ignored_groups: args.ignored_resource_groups.iter().cloned().collect(),
            resources: Scored::all(&strategy.resources),
            strategy: match (strategy.kind.as_str(), &strategy.requested_to_capacity_ratio) {
                (LEAST_ALLOCATED, _) => Strategy::Least,
                (MOST_ALLOCATED, _) => Strategy::Most,
                (REQUESTED_TO_CAPACITY_RATIO, Some(ratio)) => Strategy::Ratio(Curve::new(&ratio.shape)),
                (other, _) => return Err(format!("scoring strategy {other} is not supported")),
            },
        })
    }

    fn is_ignored(&self, name: &str) -> bool {
        is_extended(name)
            && (self.ignored.contains(name) || self.ignored_groups.contains(name.split('/').next().unwrap_or_default()))
    }

    fn status(&self, wanted: &Resource, node: &NodeInfo) -> Status {
        insufficient(wanted, node, |name| self.is_ignored(name))
    }

    fn score_one(&self, pod: &[i64], node: &NodeInfo) -> i64 {
        let (mut sum, mut weights) = (0, 0);
        for (resource, request) in self.resources.iter().zip(pod) {
            let Some((has, used)) = resource.of_node(node, *request, true) else {
                continue;
            };
            let used = used + request;
            let score = match &self.strategy {
                Strategy::Least if used > has => 0,
                Strategy::Least => (has - used) * MAX_NODE_SCORE / has,
                // What is over the top counts as full: the defaults for missing requests can lead there.
                Strategy::Most => used.min(has) * MAX_NODE_SCORE / has,
                Strategy::Ratio(curve) => {
                    let score = curve.of_use(used, has);
                    if score <= 0 {
                        continue;
                    }
                    score
                }
            };
            sum += score * resource.weight;
            weights += resource.weight;
        }
        match (&self.strategy, weights) {
            (_, 0) => 0,
            (Strategy::Ratio(_), weights) => (sum as f64 / weights as f64).round() as i64,
            (_, weights) => sum / weights,
        }
    }
}

fn bare(node: &Arc<Node>) -> NodeInfo {
    let mut info = NodeInfo::new(0);
    info.set_node(node.clone());
    info
}

fn grew(wanted: &Resource, old: &Resource, new: &Resource) -> bool {
    let grew = |wanted: i64, old: i64, new: i64| wanted > 0 && new > old;
    new.allowed_pods > old.allowed_pods
        || grew(wanted.milli_cpu, old.milli_cpu, new.milli_cpu)
        || grew(wanted.memory, old.memory, new.memory)
        || grew(wanted.ephemeral_storage, old.ephemeral_storage, new.ephemeral_storage)
        || wanted
            .scalars()
            .any(|(name, amount)| grew(amount, old.scalar(name).unwrap_or(0), new.scalar(name).unwrap_or(0)))
}

/// A pod that went, or requests less.
pub(super) fn after_pod(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.pod() else {
        return QueueingHint::Queue;
    };
    let (Some(old), Some(new)) = (&change.old, &change.new) else {
        return change.old.as_ref().is_none_or(|old| old.occupies_node()).into();
    };
    if new.uid() == pod.uid() {
        return QueueingHint::Queue;
    }
    let shrank = new.pod.spec.node_name.is_empty() || !grew(&pod.requests.used, &new.requests.used, &old.requests.used);
    (!shrank).into()
}

/// A node that came, or has more.
pub(super) fn after_node(pod: &PodInfo, objects: &EventObjects) -> QueueingHint {
    let Some(change) = objects.node() else {
        return QueueingHint::Queue;
    };
    let Some(new) = &change.new else {
        return QueueingHint::Skip;
    };
    let wanted = &pod.requests.wanted;
    let new = bare(new);
    if !insufficient(wanted, &new, |_| false).is_success() {
        return QueueingHint::Skip;
    }
    let old = change.old.as_ref().map(bare);
    old.is_none_or(|old| grew(wanted, &old.allocatable, &new.allocatable))
        .into()
}

impl Plugin for Fit {
    fn name(&self) -> &'static str {
        names::NODE_RESOURCES_FIT
    }

    extension_points!(as_filter: Filter, as_score: Score);

    fn events(self: Arc<Self>) -> Option<Vec<EventHint>> {
        Some(vec![
            EventHint::when(
                EventResource::Pod,
                ActionType::DELETE | ActionType::UPDATE_POD_SCALE_DOWN,
                after_pod,
            ),
            EventHint::when(
                EventResource::Node,
                ActionType::ADD | ActionType::UPDATE_NODE_ALLOCATABLE,
                after_node,
            ),
        ])
    }
}

impl Filter for Fit {
    fn filter(&self, _state: &CycleState, pod: &PodInfo, node: &NodeInfo) -> Status {
        self.status(&pod.requests.wanted, node)
    }

    fn is_local(&self) -> bool {
        true
    }
}

impl Score for Fit {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        if self.resources.is_empty() {
            return Err(Status::error("resources not found"));
        }
        let resources = self.resources.iter();
        let pod: Vec<i64> = resources.map(|resource| resource.of_pod(context.pod, true)).collect();
        for (node, score) in nodes.iter().zip(scores) {
            *score = self.score_one(&pod, node);
        }
        Ok(())
    }

    fn is_local(&self) -> bool {
        true
    }
}
