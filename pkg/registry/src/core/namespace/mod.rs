//! Namespaces, their status, and the removal of their spec finalizers.

mod printer;
mod strategy;
#[cfg(test)]
mod tests;

pub use printer::{COLUMNS, row};
pub use strategy::{FinalizeStrategy, NamespaceStrategy, StatusStrategy};
