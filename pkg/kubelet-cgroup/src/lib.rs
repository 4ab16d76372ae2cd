//! The cgroups of pods: `kubepods/[burstable|besteffort/]pod<uid>` below the node's cgroup root.
//!
//! - [`Hierarchy`]: where the controllers are mounted, version 1 (one tree each) or 2 (one tree);
//! - [`PodCgroupTree`]: makes, limits, measures and removes the cgroups of pods;
//! - [`Driver`]: how they are named, by us or as slices of systemd;
//! - [`Limits`]: what a pod's specification becomes in the kernel.
//!
//! Invariants: nothing outside `kubepods` is written; a cgroup is removed only with its processes ended. A controller that is
//! not mounted is passed over. Upstream counterpart: `pkg/kubelet/cm`.

mod figures;
mod hierarchy;
mod limits;
mod stats;
mod tree;

pub use figures::{DeviceFigures, Figures, FoundCgroup};
pub use hierarchy::{CgroupError, Hierarchy};
pub use limits::Limits;
pub use stats::Usage;
pub use tree::{Driver, PodCgroupTree};

#[cfg(test)]
mod tests;
