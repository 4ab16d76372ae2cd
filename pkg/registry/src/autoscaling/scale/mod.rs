//! The table of scales; what a scale is of which object stands in [`crate::scale`].

mod printer;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
