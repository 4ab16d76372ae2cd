//! Replication controllers and their status.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
pub use strategy::{ReplicationControllerStrategy, StatusStrategy};
