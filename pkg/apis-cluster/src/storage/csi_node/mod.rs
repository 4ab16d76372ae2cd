//! `CSINode`: the drivers that run on a node.

mod validation;

pub use validation::{validate, validate_update};
