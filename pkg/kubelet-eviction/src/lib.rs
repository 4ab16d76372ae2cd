//! When a node is short of something, and which pod has to go. No IO, no clock.
//!
//! - [`thresholds`]: what the configuration says, as [`Threshold`]s of [`Signal`]s;
//! - [`Tracker`]: from what was observed to the node's [`Pressure`](kubelet_types::pressure::Pressure)s and to the threshold
//!   that something has to be done about;
//! - [`rank`]: the order in which pods go;
//! - [`local`]: pods that use more of the node's disk than they may;
//! - [`images`]: which images go when their file system fills up.
//!
//! Upstream counterpart: `pkg/kubelet/eviction` and `pkg/kubelet/images/image_gc_manager.go`.

pub mod images;
pub mod local;
mod rank;
mod signal;
mod threshold;
mod tracker;

pub use rank::{Use, message, rank};
pub use signal::{Files, Observation, Signal};
pub use threshold::{Amount, Threshold, ThresholdError, Thresholds, thresholds};
pub use tracker::{Tracker, Verdict};

#[cfg(test)]
mod tests;
