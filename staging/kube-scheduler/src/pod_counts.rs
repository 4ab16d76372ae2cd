//! How many pods on each node match a query, kept in step with the nodes.
//!
//! Spreading and affinity ask the same few questions for every pod of a workload. An answer is kept and brought up to date
//! by the nodes that have changed since, so that the cost of a cycle does not grow with the number of pods.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use apimachinery::selectors::Selector;

use crate::affinity::AffinityTerm;
use crate::node_info::NodeInfo;
use crate::pod_info::PodInfo;
use crate::snapshot::Snapshot;

/// Answers that are kept.
const KEPT: usize = 128;

/// A condition on a pod.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodTerm {
    /// Its namespace; `None` for any.
    pub namespaces: Option<Arc<BTreeSet<String>>>,
    /// Its labels.
    pub selector: Arc<Selector>,
}

impl PodTerm {
    /// The pods that a term about other pods means, its namespace selector resolved.
    #[must_use]
    pub fn of(term: &AffinityTerm) -> Self {
        Self {
            namespaces: (!term.namespace_selector.is_everything()).then(|| term.namespaces.clone()),
            selector: term.selector.clone(),
        }
    }

    fn matches(&self, pod: &PodInfo) -> bool {
        self.namespaces
            .as_ref()
            .is_none_or(|namespaces| namespaces.contains(pod.namespace()))
            && self.selector.matches(&pod.pod.metadata.labels)
    }
}

/// Which pods are counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PodQuery {
    /// Conditions that must all hold.
    pub terms: Vec<PodTerm>,
    /// Whether pods that are being deleted count.
    pub terminating: bool,
}

impl PodQuery {
    /// Whether a pod counts.
    #[must_use]
    pub fn matches(&self, pod: &PodInfo) -> bool {
        (self.terminating || !pod.is_terminating()) && self.terms.iter().all(|term| term.matches(pod))
    }

    /// How many pods on a node count.
    #[must_use]
    pub fn count(&self, node: &NodeInfo) -> u32 {
        let count = node.pods.iter().filter(|pod| self.matches(pod)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }
}

/// Pods by slot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    by_slot: Vec<u32>,
    total: u64,
}

impl NodeCounts {
    /// How many pods on a node count.
    #[must_use]
    pub fn on(&self, node: &NodeInfo) -> u32 {
        self.by_slot.get(node.slot as usize).copied().unwrap_or(0)
    }

    /// The slots of the nodes with pods that count, and how many there are on each.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(self.by_slot.iter().copied()).filter(|(_, count)| *count > 0)
    }

    /// How many pods count altogether.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    fn set(&mut self, slot: u32, count: u32) {
        let slot = slot as usize;
        if self.by_slot.len() <= slot {
            self.by_slot.resize(slot + 1, 0);
        }
        self.total = self.total - u64::from(self.by_slot[slot]) + u64::from(count);
        self.by_slot[slot] = count;
    }
}

struct Answer {
    version: u64,
    used: u64,
    counts: Arc<NodeCounts>,
}

/// Answers by query.
#[derive(Default)]
pub(crate) struct CountCache {
    answers: HashMap<PodQuery, Answer>,
    clock: u64,
}

impl CountCache {
    pub(crate) fn count(&mut self, snapshot: &Snapshot, query: &PodQuery) -> Arc<NodeCounts> {
        self.clock += 1;
        if let Some(answer) = self.answers.get_mut(query) {
            answer.used = self.clock;
            if answer.version != snapshot.version() {
                match snapshot.changed_since(answer.version) {
                    Some(changed) => {
                        let counts = Arc::make_mut(&mut answer.counts);
                        for slot in changed {
                            counts.set(slot, snapshot.by_slot(slot).map_or(0, |node| query.count(node)));
                        }
                    }
                    None => answer.counts = Arc::new(count_all(snapshot, query)),
                }
                answer.version = snapshot.version();
            }
            return answer.counts.clone();
        }
        if self.answers.len() >= KEPT {
            let oldest = self.answers.iter().min_by_key(|(_, answer)| answer.used);
            if let Some(query) = oldest.map(|(query, _)| query.clone()) {
                self.answers.remove(&query);
            }
        }
        let counts = Arc::new(count_all(snapshot, query));
        let answer = Answer {
            version: snapshot.version(),
            used: self.clock,
            counts: counts.clone(),
        };
        self.answers.insert(query.clone(), answer);
        counts
    }
}

fn count_all(snapshot: &Snapshot, query: &PodQuery) -> NodeCounts {
    let mut counts = NodeCounts {
        by_slot: vec![0; snapshot.slots()],
        total: 0,
    };
    for node in snapshot.nodes() {
        counts.set(node.slot, query.count(node));
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod_info::PodOptions;
    use crate::snapshot::SnapshotChanges;
    use k8s_api::Kind as _;
    use k8s_api::core::v1::{Node, Pod};
    use serde_json::json;

    fn pod(uid: &str, app: &str) -> Arc<PodInfo> {
        let pod = Pod::from_value(json!({"metadata": {
            "name": uid, "uid": uid, "namespace": "n", "labels": {"app": app}}}));
        Arc::new(PodInfo::new(Arc::new(pod.unwrap()), PodOptions::default()))
    }

    fn node(slot: u32, zone: &str) -> NodeInfo {
        let name = format!("node-{slot}");
        let node = Node::from_value(json!({"metadata": {"name": name, "labels": {"zone": zone}}})).unwrap();
        let mut info = NodeInfo::new(slot);
        info.set_node(Arc::new(node));
        info
    }

    fn query() -> PodQuery {
        let term = PodTerm {
            namespaces: Some(Arc::new(BTreeSet::from(["n".to_owned()]))),
            selector: Arc::new("app=a".parse().unwrap()),
        };
        PodQuery {
            terms: vec![term],
            terminating: true,
        }
    }

    #[test]
    fn answers_follow_the_nodes() {
        let mut snapshot = Snapshot::of([node(0, "x"), node(1, "y")]);
        let counts = |snapshot: &Snapshot| {
            let counts = snapshot.count_pods(&query());
            let by_node: Vec<_> = snapshot.nodes().map(|node| counts.on(node)).collect();
            (by_node, counts.total())
        };
        assert_eq!(counts(&snapshot), (vec![0, 0], 0));
        let mut changed = snapshot.at(1).clone();
        changed.add_pod(pod("1", "a"));
        changed.add_pod(pod("2", "b"));
        changed.add_pod(pod("3", "a"));
        let mut change = |slot, node: Option<NodeInfo>, order: Option<Vec<u32>>| {
            snapshot.apply(SnapshotChanges {
                nodes: vec![(slot, node.map(Arc::new))],
                order,
                images: None,
            });
            counts(&snapshot)
        };
        assert_eq!(change(1, Some(changed.clone()), None), (vec![0, 2], 2));
        changed.remove_pod("3");
        assert_eq!(change(1, Some(changed), None), (vec![0, 1], 1));
        assert_eq!(change(2, Some(node(2, "x")), Some(vec![2, 0, 1])), (vec![0, 0, 1], 1));
        assert_eq!(change(1, None, Some(vec![0, 2])), (vec![0, 0], 0));
    }

    #[test]
    fn an_answer_that_is_too_old_is_made_anew() {
        let mut snapshot = Snapshot::of([node(0, "x")]);
        assert_eq!(snapshot.count_pods(&query()).total(), 0);
        let mut changed = snapshot.at(0).clone();
        for uid in 0..3000 {
            changed = changed.clone();
            if uid % 1000 == 0 {
                changed.add_pod(pod(&uid.to_string(), "a"));
            }
            snapshot.apply(SnapshotChanges {
                nodes: vec![(0, Some(Arc::new(changed.clone())))],
                ..SnapshotChanges::default()
            });
        }
        assert_eq!(snapshot.count_pods(&query()).total(), 3);
    }

    #[test]
    fn topologies_follow_the_labels() {
        let mut snapshot = Snapshot::of([node(0, "x"), node(1, "y"), node(2, "x")]);
        let topology = snapshot.topology("zone");
        assert_eq!(topology.len(), 2);
        assert_eq!(topology.domain(snapshot.at(0)), topology.domain(snapshot.at(2)));
        assert!(snapshot.topology("rack").is_empty());
        assert!(Arc::ptr_eq(&topology, &snapshot.topology("zone")));
        snapshot.apply(SnapshotChanges {
            nodes: vec![(2, Some(Arc::new(node(2, "z"))))],
            ..SnapshotChanges::default()
        });
        assert_eq!(snapshot.topology("zone").len(), 3);
    }
}
