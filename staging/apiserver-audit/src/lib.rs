//! The record of who did what (upstream: `k8s.io/apiserver/pkg/audit`, `plugin/pkg/audit`).
//!
//! A [`Policy`] says how much of which request is recorded, [`Event`] is a record, and a [`Backend`] takes
//! records away. A request that the policy does not record costs the evaluation of the rules and nothing more.

mod batch;
mod event;
mod log;
mod policy;

#[cfg(test)]
mod tests;

pub use batch::{Batch, BatchSettings, EventSink};
pub use event::{Event, Level, ObjectReference, Stage, User, add_annotation};
pub use log::{LogBackend, LogFormat, LogSettings};
pub use policy::{Policy, PolicyError, PolicyRule, RequestConfig};

/// Takes events away.
pub trait Backend: Send + Sync {
    /// Takes events; `false` if they were lost.
    fn process(&self, events: &[Event]) -> bool;
}
