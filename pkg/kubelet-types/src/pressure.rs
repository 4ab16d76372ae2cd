//! What the node is short of: written by eviction, read by status and admission.

use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::Notify;

/// Something that a node can be short of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Pressure {
    /// Memory.
    Memory,
    /// Space or inodes of a file system.
    Disk,
    /// Process ids.
    Pid,
}

impl Pressure {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Memory, Self::Disk, Self::Pid];

    /// The node's condition.
    #[must_use]
    pub const fn condition(self) -> &'static str {
        match self {
            Self::Memory => "MemoryPressure",
            Self::Disk => "DiskPressure",
            Self::Pid => "PIDPressure",
        }
    }

    const fn bit(self) -> u8 {
        match self {
            Self::Memory => 1,
            Self::Disk => 2,
            Self::Pid => 4,
        }
    }
}

/// What the node is short of now.
#[derive(Debug, Default)]
pub struct Pressures {
    bits: AtomicU8,
    changed: Notify,
}

impl Pressures {
    /// Whether the node is short of it.
    #[must_use]
    pub fn under(&self, pressure: Pressure) -> bool {
        self.bits.load(Ordering::Acquire) & pressure.bit() != 0
    }

    /// Sets all at once.
    pub fn set(&self, pressures: impl IntoIterator<Item = Pressure>) {
        let bits = pressures.into_iter().fold(0, |bits, pressure| bits | pressure.bit());
        if self.bits.swap(bits, Ordering::AcqRel) != bits {
            self.changed.notify_one();
        }
    }

    /// Waits for a change. Cancel safe.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}
