//! The parts of a topology: the values of one node label, numbered.

use std::collections::HashMap;
use std::sync::Arc;

use crate::node_info::NodeInfo;
use crate::snapshot::Snapshot;

/// What stands for nodes without the label.
pub const NO_DOMAIN: u32 = u32::MAX;
/// Topologies that are kept; the default constraints and a few of users' own.
const KEPT: usize = 32;

/// The parts of a topology.
#[derive(Debug, Default)]
pub struct Topology {
    domain_of: Vec<u32>,
    domains: usize,
}

impl Topology {
    fn new(snapshot: &Snapshot, key: &str) -> Self {
        let mut numbers: HashMap<&str, u32> = HashMap::new();
        let mut domain_of = vec![NO_DOMAIN; snapshot.slots()];
        for node in snapshot.nodes() {
            if let Some(value) = node.label(key) {
                let next = u32::try_from(numbers.len()).unwrap_or(NO_DOMAIN);
                domain_of[node.slot as usize] = *numbers.entry(value).or_insert(next);
            }
        }
        Self {
            domain_of,
            domains: numbers.len(),
        }
    }

    /// The part that a node is in.
    #[must_use]
    pub fn domain(&self, node: &NodeInfo) -> Option<usize> {
        self.by_slot(node.slot)
    }

    /// The part that a slot is in.
    #[must_use]
    pub fn by_slot(&self, slot: u32) -> Option<usize> {
        let domain = self.domain_of.get(slot as usize).copied().unwrap_or(NO_DOMAIN);
        (domain != NO_DOMAIN).then_some(domain as usize)
    }

    /// How many parts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.domains
    }

    /// Whether no node has the label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.domains == 0
    }
}

/// Topologies by key, as of one state of the nodes' labels.
#[derive(Default)]
pub(crate) struct TopologyCache {
    version: u64,
    topologies: HashMap<Box<str>, Arc<Topology>>,
}

impl TopologyCache {
    pub(crate) fn get(&mut self, snapshot: &Snapshot, key: &str) -> Arc<Topology> {
        if self.version != snapshot.labels_version() || self.topologies.len() > KEPT {
            self.topologies.clear();
            self.version = snapshot.labels_version();
        }
        if let Some(topology) = self.topologies.get(key) {
            return topology.clone();
        }
        let topology = Arc::new(Topology::new(snapshot, key));
        self.topologies.insert(key.into(), topology.clone());
        topology
    }
}
