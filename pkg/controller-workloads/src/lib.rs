//! The controllers that run pods.

/// The controllers of this crate.
pub const DESCRIPTORS: &[controller::Descriptor] = &[];
