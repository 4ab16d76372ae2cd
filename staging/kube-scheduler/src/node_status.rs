//! Why each node was rejected.

use std::collections::BTreeMap;

use crate::fit_error::histogram_lines;
use crate::node_info::NodeInfo;
use crate::snapshot::Snapshot;
use crate::status::{Code, Status};

/// The statuses of rejected nodes by slot, and what holds for all others.
#[derive(Clone, Debug)]
pub struct NodeStatuses {
    explicit: Vec<(u32, Status)>,
    sorted: bool,
    absent: Status,
}

impl Default for NodeStatuses {
    fn default() -> Self {
        Self {
            explicit: Vec::new(),
            sorted: true,
            absent: Status::new(Code::UnschedulableAndUnresolvable, Vec::<String>::new()),
        }
    }
}

impl NodeStatuses {
    /// Sets what a node is rejected for. Of two statuses of a node the later one counts.
    pub fn set(&mut self, slot: u32, status: Status) {
        self.sorted = self.sorted && self.explicit.last().is_none_or(|(last, _)| *last < slot);
        self.explicit.push((slot, status));
    }

    /// Sets what holds for every node without a status of its own.
    pub fn set_absent(&mut self, status: Status) {
        self.absent = status;
    }

    /// What holds for every node without a status of its own.
    #[must_use]
    pub fn absent(&self) -> &Status {
        &self.absent
    }

    /// Puts the statuses in order, for [`Self::get`].
    pub fn sort(&mut self) {
        if self.sorted {
            return;
        }
        // Stable: of equal slots the last one stays behind the others, and is kept.
        self.explicit.sort_by_key(|(slot, _)| *slot);
        self.explicit.reverse();
        self.explicit.dedup_by_key(|(slot, _)| *slot);
        self.explicit.reverse();
        self.sorted = true;
    }

    /// How many nodes have a status of their own.
    #[must_use]
    pub fn len(&self) -> usize {
        self.explicit.len()
    }

    /// Whether no node has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.explicit.is_empty()
    }

    /// A node's status.
    #[must_use]
    pub fn get(&self, slot: u32) -> &Status {
        let found = if self.sorted {
            self.explicit
                .binary_search_by_key(&slot, |(slot, _)| *slot)
                .ok()
                .map(|at| &self.explicit[at])
        } else {
            self.explicit.iter().rev().find(|(other, _)| *other == slot)
        };
        found.map_or(&self.absent, |(_, status)| status)
    }

    /// The statuses of single nodes.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &Status)> {
        self.explicit.iter().map(|(slot, status)| (*slot, status))
    }

    /// The nodes with this code, in the snapshot's order.
    #[must_use]
    pub fn nodes_with<'s>(&mut self, code: Code, snapshot: &'s Snapshot) -> Vec<&'s NodeInfo> {
        self.sort();
        if self.absent.code() != code {
            let nodes = self.explicit.iter().filter(|(_, status)| status.code() == code);
            return nodes.filter_map(|(slot, _)| snapshot.by_slot(*slot)).collect();
        }
        snapshot
            .nodes()
            .filter(|node| self.get(node.slot).code() == code)
            .collect()
    }

    /// `count reason` for every reason, over `all` nodes.
    #[must_use]
    pub fn histogram(&self, all: usize) -> Vec<String> {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, status) in &self.explicit {
            for reason in status.reasons() {
                *counts.entry(reason).or_default() += 1;
            }
        }
        let rest = all.saturating_sub(self.explicit.len());
        if rest > 0 {
            for reason in self.absent.reasons() {
                *counts.entry(reason).or_default() += rest;
            }
        }
        histogram_lines(counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fit_error::{Diagnosis, FitError};

    #[test]
    fn the_last_status_of_a_node_counts() {
        let mut statuses = NodeStatuses::default();
        statuses.set(3, Status::fixed(Code::Unschedulable, "a"));
        statuses.set(1, Status::fixed(Code::Unschedulable, "b"));
        statuses.set(3, Status::fixed(Code::UnschedulableAndUnresolvable, "c"));
        assert_eq!(statuses.get(3).message(), "c");
        statuses.sort();
        assert_eq!(statuses.get(3).message(), "c");
        assert_eq!(statuses.get(1).message(), "b");
        assert_eq!(statuses.get(2).code(), Code::UnschedulableAndUnresolvable);
        assert_eq!(statuses.len(), 2);
    }

    #[test]
    fn messages() {
        let mut diagnosis = Diagnosis::default();
        diagnosis.statuses.set(
            0,
            Status::new(Code::Unschedulable, ["Insufficient memory", "Insufficient cpu"]),
        );
        diagnosis
            .statuses
            .set(1, Status::fixed(Code::Unschedulable, "Insufficient cpu"));
        diagnosis.statuses.set_absent(Status::unresolvable("other"));
        let mut error = FitError {
            all_nodes: 3,
            diagnosis,
        };
        assert_eq!(
            error.to_string(),
            "0/3 nodes are available: 1 Insufficient memory, 1 other, 2 Insufficient cpu."
        );
        error.diagnosis.post_filter_message = "preemption: no".to_owned();
        error.diagnosis.pre_filter_message = "bad pod".to_owned();
        assert_eq!(error.to_string(), "0/3 nodes are available: bad pod. preemption: no");
    }
}
