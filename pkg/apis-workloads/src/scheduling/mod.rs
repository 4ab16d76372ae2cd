//! The scheduling group: which pods go first.

pub mod priority_class;
