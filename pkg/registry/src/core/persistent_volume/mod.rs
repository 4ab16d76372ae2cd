//! Persistent volumes and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub(crate) use printer::access_modes;
pub use printer::{COLUMNS, row};
pub use strategy::{PersistentVolumeStrategy, StatusStrategy};
