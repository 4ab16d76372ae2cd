//! Numbers by part of several topologies.

use std::sync::Arc;

use scheduler_framework::topology::Topology;
use scheduler_framework::{NodeInfo, Snapshot};

#[derive(Clone)]
struct Counts {
    key: Arc<str>,
    topology: Arc<Topology>,
    by_domain: Vec<i64>,
}

/// Numbers by topology key and part.
#[derive(Clone, Default)]
pub(super) struct TopologyCounts(Vec<Counts>);

/// The place of a key among the counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyIndex(usize);

impl TopologyCounts {
    /// The place of a key; it is made if it is not there.
    pub(super) fn key(&mut self, snapshot: &Snapshot, key: &Arc<str>) -> KeyIndex {
        if let Some(index) = self.find(key) {
            return index;
        }
        let topology = snapshot.topology(key);
        self.0.push(Counts {
            key: key.clone(),
            by_domain: vec![0; topology.len()],
            topology,
        });
        KeyIndex(self.0.len() - 1)
    }

    /// The place of a key that is there.
    pub(super) fn find(&self, key: &str) -> Option<KeyIndex> {
        self.0.iter().position(|counts| &*counts.key == key).map(KeyIndex)
    }

    /// Adds to the part that a node is in, by its slot; false if it is in none.
    pub(super) fn add(&mut self, index: KeyIndex, slot: u32, value: i64) -> bool {
        let counts = &mut self.0[index.0];
        let domain = counts.topology.by_slot(slot);
        let count = domain.and_then(|domain| counts.by_domain.get_mut(domain));
        count.map(|count| *count += value).is_some()
    }

    /// The number of the part that the node is in; `None` if it is in none.
    pub(super) fn get(&self, key: &str, node: &NodeInfo) -> Option<i64> {
        let Some(index) = self.find(key) else {
            return node.label(key).map(|_| 0);
        };
        let counts = &self.0[index.0];
        let domain = counts.topology.domain(node)?;
        Some(counts.by_domain.get(domain).copied().unwrap_or(0))
    }

    /// Whether the part that the node is in has more than nothing, in any topology.
    pub(super) fn any_positive(&self, node: &NodeInfo) -> bool {
        let positive = |counts: &Counts| {
            let domain = counts.topology.domain(node);
            domain.is_some_and(|domain| counts.by_domain.get(domain).is_some_and(|count| *count > 0))
        };
        self.0.iter().any(positive)
    }

    /// The sum over all topologies of the parts that the node is in.
    pub(super) fn sum(&self, node: &NodeInfo) -> i64 {
        let of = |counts: &Counts| {
            let domain = counts.topology.domain(node)?;
            counts.by_domain.get(domain).copied()
        };
        self.0.iter().filter_map(of).sum()
    }

    /// Whether nothing has been counted at all.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
