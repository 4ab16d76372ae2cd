//! Limit ranges.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
pub use strategy::LimitRangeStrategy;
