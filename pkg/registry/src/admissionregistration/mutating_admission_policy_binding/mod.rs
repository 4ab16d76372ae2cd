//! Mutating admission policy bindings.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::MutatingAdmissionPolicyBindingStrategy;
