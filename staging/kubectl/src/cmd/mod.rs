//! One folder a command.

pub mod get;
