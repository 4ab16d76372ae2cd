//! Object metadata, labels and label selectors: the rules of all kinds ([`apimachinery::validation`]),
//! and those of the core group, whose finalizers have names of their own.

mod core_group;

pub use apimachinery::validation::*;

pub use core_group::{validate_core_object_meta, validate_core_object_meta_update, validate_standard_finalizer};
