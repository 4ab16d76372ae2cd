//! The nodes that have passed the Filters of one pod.

use std::sync::OnceLock;

use crate::{NodeInfo, Snapshot};

/// Nodes of a snapshot by slot, in the order in which they were found.
///
/// Where all that is asked about them is known of their slots, the nodes themselves are never gone to.
pub struct Feasible<'s> {
    snapshot: &'s Snapshot,
    slots: &'s [u32],
    nodes: OnceLock<Vec<&'s NodeInfo>>,
}

impl<'s> Feasible<'s> {
    /// The nodes with these slots. Every slot must be one of the snapshot's.
    #[must_use]
    pub fn new(snapshot: &'s Snapshot, slots: &'s [u32]) -> Self {
        Self {
            snapshot,
            slots,
            nodes: OnceLock::new(),
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Their slots.
    #[must_use]
    pub fn slots(&self) -> &'s [u32] {
        self.slots
    }

    /// One of them.
    ///
    /// # Panics
    /// There are not that many.
    #[must_use]
    pub fn at(&self, place: usize) -> &'s NodeInfo {
        self.node(self.slots[place])
    }

    /// All of them.
    #[must_use]
    pub fn nodes(&self) -> &[&'s NodeInfo] {
        self.nodes
            .get_or_init(|| self.slots.iter().map(|slot| self.node(*slot)).collect())
    }

    fn node(&self, slot: u32) -> &'s NodeInfo {
        self.snapshot.by_slot(slot).expect("the slot is one of the snapshot's")
    }
}
