//! The order in which nodes are looked at: one of each zone in turn, so that zones share the load.

use k8s_api::core::v1::Node;

const REGION: [&str; 2] = [
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/region",
];
const ZONE: [&str; 2] = ["topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"];

/// The zone of a node; empty if it has none.
pub(super) fn zone_key(node: &Node) -> String {
    let label = |names: [&str; 2]| {
        names
            .iter()
            .find_map(|name| node.metadata.labels.get(name))
            .map_or("", String::as_str)
    };
    let (region, zone) = (label(REGION), label(ZONE));
    if region.is_empty() && zone.is_empty() {
        String::new()
    } else {
        format!("{region}:\0:{zone}")
    }
}

/// Slots by zone, zones in the order in which they came.
#[derive(Debug, Default)]
pub(super) struct NodeTree {
    zones: Vec<(String, Vec<u32>)>,
}

impl NodeTree {
    pub(super) fn add(&mut self, zone: &str, slot: u32) {
        match self.zones.iter_mut().find(|(other, _)| other == zone) {
            Some((_, slots)) => slots.push(slot),
            None => self.zones.push((zone.to_owned(), vec![slot])),
        }
    }

    pub(super) fn remove(&mut self, zone: &str, slot: u32) {
        if let Some((_, slots)) = self.zones.iter_mut().find(|(other, _)| other == zone) {
            slots.retain(|other| *other != slot);
        }
        self.zones.retain(|(_, slots)| !slots.is_empty());
    }

    /// All slots, zones in turn.
    pub(super) fn list(&self) -> Vec<u32> {
        let longest = self.zones.iter().map(|(_, slots)| slots.len()).max().unwrap_or(0);
        let round = |i: usize| self.zones.iter().filter_map(move |(_, slots)| slots.get(i).copied());
        (0..longest).flat_map(round).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zones_take_turns() {
        let mut tree = NodeTree::default();
        for (zone, slot) in [("a", 0), ("a", 1), ("b", 2), ("c", 3), ("b", 4), ("a", 5)] {
            tree.add(zone, slot);
        }
        assert_eq!(tree.list(), [0, 2, 3, 1, 4, 5]);
        tree.remove("c", 3);
        tree.remove("a", 0);
        assert_eq!(tree.list(), [1, 2, 5, 4]);
    }
}
