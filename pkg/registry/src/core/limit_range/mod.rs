//! Limit ranges.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

use apis_core::core::limit_range;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::LimitRangeStrategy;

/// The resource `limitranges`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new("limitranges", LimitRangeStrategy, limit_range::set_defaults).table(COLUMNS, row)
}
