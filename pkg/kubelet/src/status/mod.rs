//! The status of pods as the API shows it.
//!
//! [`generate`] is a function of specification, runtime and the status before; [`StatusWriter`] keeps the latest and writes it.

mod conditions;
mod containers;
mod generate;
mod phase;
mod writer;

pub use generate::{Failure, StatusInput, generate};
pub use writer::{StatusTarget, StatusWriter};
