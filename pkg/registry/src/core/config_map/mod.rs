//! Config maps.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
pub use strategy::ConfigMapStrategy;
