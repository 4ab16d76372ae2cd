//! All nodes as they were when a scheduling cycle began.
//!
//! A snapshot follows the cache by changes: [`Snapshot::apply`] costs what has changed since the last time. What plugins
//! derive from all nodes (pods that match a selector, parts of a topology) is kept here too, and follows in the same way.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::affinity_groups::{AffinityGroup, AffinityGroups};
use crate::node_info::{ImageStates, NodeInfo};
use crate::pod_counts::{CountCache, NodeCounts, PodQuery};
use crate::topology::{Topology, TopologyCache};

const ABSENT: u32 = u32::MAX;

/// What has changed in the cache.
#[derive(Default)]
pub struct SnapshotChanges {
    /// Nodes by slot; `None` for those that are gone.
    pub nodes: Vec<(u32, Option<Arc<NodeInfo>>)>,
    /// The slots of all nodes in the order in which they are looked at, if that has changed.
    pub order: Option<Vec<u32>>,
    /// All images that any node has, if they have changed.
    pub images: Option<Arc<ImageStates>>,
}

/// All nodes at one time.
#[derive(Default)]
pub struct Snapshot {
    list: Vec<Arc<NodeInfo>>,
    /// The slots of the nodes in the list.
    order: Vec<u32>,
    /// Where in the list a slot is.
    position: Vec<u32>,
    by_name: HashMap<Box<str>, u32>,
    affinity_groups: AffinityGroups,
    used_claims: HashMap<String, u32>,
    images: Arc<ImageStates>,
    /// Counts the changes of nodes; `changes` has the last of them, with the change's number.
    version: u64,
    changes: VecDeque<(u64, u32)>,
    /// The oldest version from which `changes` is complete.
    complete_from: u64,
    /// Counts the changes of labels and of the set of nodes.
    labels_version: u64,
    counts: Mutex<CountCache>,
    topologies: Mutex<TopologyCache>,
}

impl Snapshot {
    /// A snapshot of these nodes, in this order. Their slots become their places.
    #[must_use]
    pub fn of(nodes: impl IntoIterator<Item = NodeInfo>) -> Self {
        let mut changes = SnapshotChanges::default();
        let mut images = ImageStates::new();
        for (slot, mut node) in (0..).zip(nodes) {
            node.slot = slot;
            node.known = true;
            images.extend(node.images.iter().map(|(name, state)| (name.clone(), state.clone())));
            changes.nodes.push((slot, Some(Arc::new(node))));
        }
        changes.order = Some(changes.nodes.iter().map(|(slot, _)| *slot).collect());
        changes.images = Some(Arc::new(images));
        let mut snapshot = Self::default();
        snapshot.apply(changes);
        snapshot
    }

    /// Takes the changes since the last time.
    pub fn apply(&mut self, changes: SnapshotChanges) {
        if let Some(images) = changes.images {
            self.images = images;
        }
        let mut incoming: HashMap<u32, Arc<NodeInfo>> = HashMap::new();
        for (slot, node) in changes.nodes {
            self.version += 1;
            self.changes.push_back((self.version, slot));
            let before = self.by_slot_shared(slot).cloned();
            self.account(slot, before.as_deref(), node.as_deref());
            let labels = |node: Option<&NodeInfo>| node.map(|node| node.node.clone());
            match (labels(before.as_deref()), labels(node.as_deref())) {
                (Some(old), Some(new))
                    if Arc::ptr_eq(&old, &new)
                        || (old.metadata.labels == new.metadata.labels && old.metadata.name == new.metadata.name) => {}
                _ => self.labels_version += 1,
            }
            match node {
                Some(node) if before.is_some() => {
                    let at = self.position[slot as usize] as usize;
                    self.list[at] = node;
                }
                Some(node) => {
                    incoming.insert(slot, node);
                }
                None => {}
            }
        }
        if let Some(order) = changes.order {
            self.reorder(&order, &mut incoming);
        }
        let bound = 1024.max(self.list.len());
        while self.changes.len() > bound {
            if let Some((version, _)) = self.changes.pop_front() {
                self.complete_from = version;
            }
        }
    }

    fn reorder(&mut self, order: &[u32], incoming: &mut HashMap<u32, Arc<NodeInfo>>) {
        let list: Vec<_> = order
            .iter()
            .filter_map(|slot| incoming.remove(slot).or_else(|| self.by_slot_shared(*slot).cloned()))
            .collect();
        self.position.clear();
        self.by_name.clear();
        for (at, node) in (0..).zip(&list) {
            let slot = node.slot as usize;
            if self.position.len() <= slot {
                self.position.resize(slot + 1, ABSENT);
            }
            self.position[slot] = at;
            self.by_name.insert(node.name().into(), node.slot);
        }
        self.order = list.iter().map(|node| node.slot).collect();
        self.list = list;
        self.labels_version += 1;
    }

    /// Keeps what is known about all nodes in step with one node's change.
    fn account(&mut self, slot: u32, before: Option<&NodeInfo>, after: Option<&NodeInfo>) {
        self.affinity_groups.account(slot, before, after);
        for pod in after.iter().flat_map(|node| &node.pods_with_claims) {
            for claim in &pod.claims {
                *self.used_claims.entry(claim_key(pod.namespace(), claim)).or_default() += 1;
            }
        }
        for pod in before.iter().flat_map(|node| &node.pods_with_claims) {
            for claim in &pod.claims {
                let key = claim_key(pod.namespace(), claim);
                if let Some(count) = self.used_claims.get_mut(&key) {
                    *count -= 1;
                    if *count == 0 {
                        self.used_claims.remove(&key);
                    }
                }
            }
        }
    }

    /// How many nodes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The node at a place of the order.
    #[must_use]
    pub fn at(&self, place: usize) -> &NodeInfo {
        &self.list[place]
    }

    /// The nodes in their order.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = &NodeInfo> {
        self.list.iter().map(|node| &**node)
    }

    /// The nodes in their order, shared.
    #[must_use]
    pub fn shared(&self) -> &[Arc<NodeInfo>] {
        &self.list
    }

    /// The slots of the nodes in their order.
    #[must_use]
    pub fn order(&self) -> &[u32] {
        &self.order
    }

    /// A node by name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&NodeInfo> {
        self.by_name.get(name).and_then(|slot| self.by_slot(*slot))
    }

    /// A node by slot.
    #[must_use]
    pub fn by_slot(&self, slot: u32) -> Option<&NodeInfo> {
        self.by_slot_shared(slot).map(|node| &**node)
    }

    fn by_slot_shared(&self, slot: u32) -> Option<&Arc<NodeInfo>> {
        let at = *self.position.get(slot as usize)?;
        self.list.get(at as usize)
    }

    /// One more than the highest slot.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.position.len()
    }

    /// The pods on nodes that have terms about other pods, those with the same terms together.
    pub fn affinity_groups(&self) -> impl Iterator<Item = &AffinityGroup> {
        self.affinity_groups.iter()
    }

    /// Whether any pod on a node uses a claim.
    #[must_use]
    pub fn is_claim_used(&self, namespace: &str, claim: &str) -> bool {
        self.used_claims.contains_key(&claim_key(namespace, claim))
    }

    /// All images that any node has.
    #[must_use]
    pub fn images(&self) -> &ImageStates {
        &self.images
    }

    /// All images that any node has, shared: another allocation after any change.
    #[must_use]
    pub fn shared_images(&self) -> &Arc<ImageStates> {
        &self.images
    }

    /// How many pods on each node a query matches. Costs what has changed since the same query was asked last.
    #[must_use]
    pub fn count_pods(&self, query: &PodQuery) -> Arc<NodeCounts> {
        self.counts.lock().count(self, query)
    }

    /// The parts of a topology. Costs nothing while the nodes' labels stay.
    #[must_use]
    pub fn topology(&self, key: &str) -> Arc<Topology> {
        self.topologies.lock().get(self, key)
    }

    pub(crate) fn labels_version(&self) -> u64 {
        self.labels_version
    }

    /// Counts the changes of nodes.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version
    }

    /// The slots that have changed after a version; `None` if that is too long ago to know.
    pub fn changed_since(&self, version: u64) -> Option<impl Iterator<Item = u32>> {
        (version >= self.complete_from).then(|| {
            let start = self.changes.partition_point(|(at, _)| *at <= version);
            self.changes.range(start..).map(|(_, slot)| *slot)
        })
    }
}

fn claim_key(namespace: &str, claim: &str) -> String {
    format!("{namespace}/{claim}")
}
