//! Mutating admission policies.

mod printer;
mod strategy;

pub use printer::{COLUMNS, row};
pub use strategy::MutatingAdmissionPolicyStrategy;
