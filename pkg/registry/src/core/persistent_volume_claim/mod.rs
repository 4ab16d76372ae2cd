//! Claims of persistent volumes and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
pub use strategy::{PersistentVolumeClaimStrategy, StatusStrategy};
