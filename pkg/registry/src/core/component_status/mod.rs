//! Component statuses, which are made when they are asked for and never stored.

mod printer;

pub use printer::{COLUMNS, row};
