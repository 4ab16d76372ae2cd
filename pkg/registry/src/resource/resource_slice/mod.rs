//! Resource slices.

mod disabled;
mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::ResourceSliceStrategy;
