//! Volume attributes classes.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::VolumeAttributesClassStrategy;
