//! Whether a node takes a pod, judged by the node itself: what it is short of, sysctls, resources, labels, ports, taints.
//!
//! - [`Judge::admit`]: the verdict on a pod that is new here, and the pods that a critical one makes go;
//! - [`Judge::resize`]: the verdict on other resources for a pod that runs here;
//! - [`sysctls`]: which sysctls pods may set.
//!
//! Nothing is kept here. Reasons and messages are upstream's. Upstream counterpart: `pkg/kubelet/lifecycle`, `sysctl`, and the
//! admission of `eviction` and `allocation`.

mod fit;
mod judge;
mod preemption;
pub mod sysctls;

pub use fit::Shortage;
pub use judge::{Judge, Pending, Rejection};

#[cfg(test)]
mod tests;
