//! The conditions: what the pod requires of others, and what others require of it.

use std::sync::Arc;

use k8s_api::Map;
use scheduler_framework::affinity::{AffinityTerm, matches_all};
use scheduler_framework::plugin::{Filter, PreFilter, PreFilterExtensions, PreFiltered};
use scheduler_framework::{Code, CycleState, NodeInfo, PodInfo, Snapshot, Status};

use super::topology_counts::{KeyIndex, TopologyCounts};
use super::{InterPodAffinity, REASON_AFFINITY, REASON_ANTI_AFFINITY, REASON_EXISTING, query};

/// The cycle's state.
#[derive(Clone)]
struct State {
    /// Pods that must not be near such a pod as this.
    existing_anti: TopologyCounts,
    /// Pods that all affinity terms mean.
    affinity: TopologyCounts,
    /// The topologies of these terms, each once.
    affinity_keys: Arc<[KeyIndex]>,
    /// How many of these pods are in a part of any of these topologies.
    affine_pods: i64,
    /// Pods that an anti-affinity term means.
    anti: TopologyCounts,
    affinity_terms: Arc<[AffinityTerm]>,
    anti_terms: Arc<[AffinityTerm]>,
    namespace_labels: Arc<Map<String>>,
    /// Whether the pod is one that its own affinity terms mean.
    matches_itself: bool,
}

impl State {
    fn add_affine(&mut self, slot: u32, value: i64) {
        let mut anywhere = false;
        for key in self.affinity_keys.iter() {
            anywhere |= self.affinity.add(*key, slot, value);
        }
        if anywhere {
            self.affine_pods += value;
        }
    }

    fn update(&mut self, pod: &PodInfo, changed: &PodInfo, node: &NodeInfo, value: i64) {
        for term in &changed.affinities().required_anti {
            if term.matches(&pod.pod, Some(&self.namespace_labels))
                && let Some(key) = self.existing_anti.find(&term.topology_key)
            {
                self.existing_anti.add(key, node.slot, value);
            }
        }
        if matches_all(&self.affinity_terms, &changed.pod) {
            self.add_affine(node.slot, value);
        }
        for term in self.anti_terms.iter().filter(|term| term.matches(&changed.pod, None)) {
            if let Some(key) = self.anti.find(&term.topology_key) {
                self.anti.add(key, node.slot, value);
            }
        }
    }
}

impl InterPodAffinity {
    /// Where the pods are that must not be near such a pod as this.
    fn existing_anti(&self, pod: &PodInfo, labels: &Map<String>, snapshot: &Snapshot) -> TopologyCounts {
        let mut counts = TopologyCounts::default();
        for group in snapshot.affinity_groups() {
            let terms = group.terms().required_anti.iter();
            for term in terms.filter(|term| term.matches(&pod.pod, Some(labels))) {
                let key = counts.key(snapshot, &term.topology_key);
                for (slot, pods) in group.nodes() {
                    counts.add(key, slot, i64::from(pods));
                }
            }
        }
        counts
    }
}

impl PreFilter for InterPodAffinity {
    fn pre_filter(&self, state: &mut CycleState, pod: &PodInfo, snapshot: &Snapshot) -> PreFiltered {
        if let Some(error) = &pod.affinity_error {
            return PreFiltered::Failed(Status::unresolvable(format!("parsing pod: {error}")));
        }
        let own = pod.affinities();
        let has_own = !own.required.is_empty() || !own.required_anti.is_empty();
        let mut others = snapshot.affinity_groups().map(|group| &group.terms().required_anti);
        if !has_own && others.all(|terms| terms.is_empty()) {
            return PreFiltered::Skip;
        }
        let namespace_labels = self.namespace_labels(pod.namespace());
        let existing_anti = self.existing_anti(pod, &namespace_labels, snapshot);
        if !has_own && existing_anti.is_empty() {
            return PreFiltered::Skip;
        }
        let resolve =
            |terms: &[AffinityTerm]| -> Arc<[AffinityTerm]> { terms.iter().map(|term| self.resolved(term)).collect() };
        let (affinity_terms, anti_terms) = (resolve(&own.required), resolve(&own.required_anti));
        let mut affinity = TopologyCounts::default();
        let mut keys: Vec<KeyIndex> = affinity_terms
            .iter()
            .map(|term| affinity.key(snapshot, &term.topology_key))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let mut anti = TopologyCounts::default();
        for term in anti_terms.iter() {
            let key = anti.key(snapshot, &term.topology_key);
            let pods = snapshot.count_pods(&query([term]));
            for (slot, pods) in pods.nodes() {
                anti.add(key, slot, i64::from(pods));
            }
        }
        let mut counted = State {
            matches_itself: matches_all(&affinity_terms, &pod.pod),
            existing_anti,
            affinity,
            affinity_keys: keys.into(),
            affine_pods: 0,
            anti,
            affinity_terms,
            anti_terms,
            namespace_labels: Arc::new(namespace_labels),
        };
        if !counted.affinity_terms.is_empty() {
            let pods = snapshot.count_pods(&query(counted.affinity_terms.iter()));
            for (slot, pods) in pods.nodes() {
                counted.add_affine(slot, i64::from(pods));
            }
        }
        state.insert(counted);
        PreFiltered::AllNodes
    }

    fn extensions(&self) -> Option<&dyn PreFilterExtensions> {
        Some(self)
    }
}

impl PreFilterExtensions for InterPodAffinity {
    fn add_pod(&self, state: &mut CycleState, pod: &PodInfo, added: &PodInfo, node: &NodeInfo) -> Status {
        if let Some(state) = state.get_mut::<State>() {
            state.update(pod, added, node, 1);
        }
        Status::SUCCESS
    }

    fn remove_pod(&self, state: &mut CycleState, pod: &PodInfo, removed: &PodInfo, node: &NodeInfo) -> Status {
        if let Some(state) = state.get_mut::<State>() {
            state.update(pod, removed, node, -1);
        }
        Status::SUCCESS
    }
}

/// Whether every affinity term has a pod near the node; or there is none anywhere, and the pod is the first of its kind.
fn has_affine_pods(state: &State, node: &NodeInfo) -> bool {
    let mut all = true;
    for term in state.affinity_terms.iter() {
        match state.affinity.get(&term.topology_key, node) {
            None => return false,
            Some(count) => all &= count > 0,
        }
    }
    all || (state.matches_itself && state.affine_pods == 0)
}

impl Filter for InterPodAffinity {
    fn filter(&self, state: &CycleState, _pod: &PodInfo, node: &NodeInfo) -> Status {
        let Some(state) = state.get::<State>() else {
            return Status::SUCCESS;
        };
        if !has_affine_pods(state, node) {
            return Status::fixed(Code::UnschedulableAndUnresolvable, REASON_AFFINITY);
        }
        let near = |term: &AffinityTerm| state.anti.get(&term.topology_key, node).is_some_and(|count| count > 0);
        if state.anti_terms.iter().any(near) {
            return Status::fixed(Code::Unschedulable, REASON_ANTI_AFFINITY);
        }
        if state.existing_anti.any_positive(node) {
            return Status::fixed(Code::Unschedulable, REASON_EXISTING);
        }
        Status::SUCCESS
    }
}
