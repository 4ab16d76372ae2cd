//! The node agent.
//!
//! - [`app`]: the program, from options to a running node;
//! - [`api`]: the API server behind the seams;
//! - [`pods`]: which pods there are to be, from the API server and from files, with mirror pods for the latter;
//! - [`workers`]: one actor a pod, from the first sync to the last trace;
//! - [`pleg`]: what happens in the runtime, by its events or by listing it;
//! - [`status`]: what the API shows of a pod, and the writer that brings it there.
//!
//! Invariant: a worker is the only one that acts on its pod; all others wake it. Upstream counterpart: `pkg/kubelet`.

pub mod api;
pub mod app;
pub mod cgroups;
pub mod kubelet;
pub mod metrics;
pub mod pleg;
pub mod pods;
pub mod status;
pub mod workers;

pub use kubelet::{Kubelet, KubeletParts};

#[cfg(test)]
mod tests;
