//! Events.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
pub use strategy::{EventStrategy, V1_FIELD_NAMES};
