//! The preferences: the pod's own, and those that other pods have about it.

use scheduler_framework::affinity::WeightedAffinityTerm;
use scheduler_framework::plugin::{PreScore, Score, ScoreContext, ScoreExtensions};
use scheduler_framework::{CycleState, Feasible, MAX_NODE_SCORE, NodeInfo, PodInfo, Snapshot, Status};

use super::topology_counts::TopologyCounts;
use super::{InterPodAffinity, query};

/// The cycle's state: what each part of each topology is worth.
#[derive(Clone)]
struct State(TopologyCounts);

impl InterPodAffinity {
    /// What the pod's own preferences make of the nodes.
    fn add_own(&self, worth: &mut TopologyCounts, terms: &[WeightedAffinityTerm], sign: i64, snapshot: &Snapshot) {
        for weighted in terms {
            let term = self.resolved(&weighted.term);
            let pods = snapshot.count_pods(&query([&term]));
            if pods.total() == 0 {
                continue;
            }
            let key = worth.key(snapshot, &term.topology_key);
            let weight = sign * i64::from(weighted.weight);
            for (slot, pods) in pods.nodes() {
                worth.add(key, slot, weight * i64::from(pods));
            }
        }
    }

    /// What the terms of other pods make of the nodes, where they mean the pod.
    fn add_others(&self, worth: &mut TopologyCounts, pod: &PodInfo, snapshot: &Snapshot) {
        let mut groups = snapshot.affinity_groups().peekable();
        if groups.peek().is_none() {
            return;
        }
        let labels = self.namespace_labels(pod.namespace());
        let hard = i64::from(self.args.hard_pod_affinity_weight);
        for group in groups {
            let terms = group.terms();
            let required = terms.required.iter().filter(|_| hard > 0).map(|term| (term, hard));
            let preferred = terms.preferred.iter().map(|of| (&of.term, i64::from(of.weight)));
            let anti = terms.preferred_anti.iter().map(|of| (&of.term, -i64::from(of.weight)));
            let all = required.chain(preferred).chain(anti);
            for (term, weight) in all.filter(|(term, _)| term.matches(&pod.pod, Some(&labels))) {
                let key = worth.key(snapshot, &term.topology_key);
                for (slot, pods) in group.nodes() {
                    worth.add(key, slot, weight * i64::from(pods));
                }
            }
        }
    }
}

impl PreScore for InterPodAffinity {
    fn pre_score(&self, state: &mut CycleState, pod: &PodInfo, _nodes: &Feasible<'_>, snapshot: &Snapshot) -> Status {
        let own = pod.affinities();
        let has_own = !own.preferred.is_empty() || !own.preferred_anti.is_empty();
        if self.args.ignore_preferred_terms_of_existing_pods && !has_own {
            return Status::SKIP;
        }
        let mut worth = TopologyCounts::default();
        self.add_own(&mut worth, &own.preferred, 1, snapshot);
        self.add_own(&mut worth, &own.preferred_anti, -1, snapshot);
        self.add_others(&mut worth, pod, snapshot);
        if worth.is_empty() {
            return Status::SKIP;
        }
        state.insert(State(worth));
        Status::SUCCESS
    }
}

impl Score for InterPodAffinity {
    fn score(&self, context: ScoreContext<'_>, nodes: &[&NodeInfo], scores: &mut [i64]) -> Result<(), Status> {
        if let Some(State(worth)) = context.state.get::<State>() {
            for (node, score) in nodes.iter().zip(scores) {
                *score = worth.sum(node);
            }
        }
        Ok(())
    }

    fn extensions(&self) -> Option<&dyn ScoreExtensions> {
        Some(self)
    }
}

impl ScoreExtensions for InterPodAffinity {
    fn normalize(&self, _context: ScoreContext<'_>, _nodes: &Feasible<'_>, scores: &mut [i64]) -> Result<(), Status> {
        let min = scores.iter().copied().min().unwrap_or(0);
        let max = scores.iter().copied().max().unwrap_or(0);
        for score in scores {
            *score = match max - min {
                0 => 0,
                range => (MAX_NODE_SCORE as f64 * ((*score - min) as f64 / range as f64)) as i64,
            };
        }
        Ok(())
    }
}
