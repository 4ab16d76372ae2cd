//! What the node and its pods use.
//!
//! - [`StatsProvider`]: measures, out of `/proc`, cgroups, file systems and the runtime;
//! - [`Summary`]: the answer of `/stats/summary`;
//! - [`NodeUsage`]: what eviction looks at.
//!
//! Nothing is measured before somebody asks; only the figures that cost a walk over directories are kept for a while.
//! Upstream counterpart: `pkg/kubelet/stats` and cAdvisor.

mod disk;
mod measured;
mod node;
mod provider;
mod rates;
mod summary;

pub use disk::{FileSystem, directory_usage};
pub use measured::{InterfaceFigures, MeasuredCgroup};
pub use node::{NodeUsage, read_usage};
pub use provider::{ContainerUsage, FileUsage, LocalUse, PodUsage, PodsMemory, StatsParts, StatsProvider};
pub use summary::{
    ContainerStats, CpuStats, FsStats, InterfaceStats, MemoryStats, NetworkStats, NodeStats, PodReference, PodStats,
    ProcessStats, RlimitStats, RuntimeStats, Summary, VolumeStats,
};
