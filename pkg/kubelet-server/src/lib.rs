//! The node's API (port 10250).
//!
//! - [`NodeServer`]: answers requests that the [`Access`] let pass;
//! - [`Access`]: who a caller is (client certificate, token review, anonymous) and whether it may, in terms of
//!   `nodes/proxy`, `nodes/log` and the finer subresources;
//! - [`Host`]: what the server asks of the kubelet.
//!
//! Exec, attach and port-forward go to the runtime's streaming server; the connection is relayed byte by byte, or translated
//! where client and runtime speak different protocols. Upstream counterpart: `pkg/kubelet/server`.

mod access;
mod answers;
mod cadvisor;
mod checkpoint;
mod files;
mod logs;
mod metrics;
mod pods;
mod server;
mod streams;

#[cfg(test)]
mod tests;

pub use access::{Access, NodeAttributes};
pub use server::{NodeServer, ServerParts};

use std::sync::Arc;

use k8s_api::core::v1::Pod;

/// What the server asks of the kubelet.
pub trait Host: Send + Sync {
    /// All pods that are to run, with their latest statuses; static ones included.
    fn pods(&self) -> Vec<Arc<Pod>>;

    /// The pod of this name, with its latest status.
    fn pod_by_name(&self, namespace: &str, name: &str) -> Option<Arc<Pod>>;
}
