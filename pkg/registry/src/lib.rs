//! The registry of the built-in kinds: for each its strategy, which says what a request may do to
//! an object, and its printer, which shows objects as table rows.
//!
//! Strategies are thin: the rules themselves are in the `apis-*` crates. Upstream counterpart:
//! `pkg/registry` and `pkg/printers/internalversion`.

pub mod admissionregistration;
pub mod apiextensions;
pub mod apiregistration;
pub mod certificates;
pub mod core;
pub mod flowcontrol;
pub mod metadata;
pub mod printing;
pub mod rbac;
pub mod resource;
pub mod scale;
pub mod storage;
