//! The coordination group.

pub mod lease;
