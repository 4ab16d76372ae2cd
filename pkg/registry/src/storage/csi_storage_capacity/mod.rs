//! CSI storage capacities.

mod strategy;

use crate::registration::{Registration, no_defaults};

pub use strategy::CSIStorageCapacityStrategy;

/// The resource `csistoragecapacities`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("csistoragecapacities", CSIStorageCapacityStrategy, no_defaults)
}
