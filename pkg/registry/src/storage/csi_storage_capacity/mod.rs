//! CSI storage capacities.

mod strategy;

pub use strategy::CSIStorageCapacityStrategy;
