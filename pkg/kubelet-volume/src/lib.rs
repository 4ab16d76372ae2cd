//! The volumes of the pods of a node.
//!
//! - [`Volumes`]: sets up all volumes of a pod (again and again, which brings their contents up to date), tears them down,
//!   and removes what pods that are gone left behind;
//! - [`atomic`]: the contents of configMap, secret, downwardAPI and projected volumes, changed all at once;
//! - [`subpath`]: the part of a volume that a container sees, out of reach of symbolic links;
//! - [`Mounter`]: the system calls, with a recording double for tests.
//!
//! Invariants: nothing outside the pod's own directory is ever removed, nor anything behind a mount; a path inside a volume
//! that a container can write to is never followed out of it. Upstream counterpart: `pkg/volume` and the kubelet's volume
//! manager.

pub mod atomic;
mod cleanup;
mod empty_dir;
mod error;
mod host_path;
mod mounter;
mod ownership;
mod paths;
mod payload;
mod persistent;
mod setup;
pub mod subpath;
mod tokens;

pub use error::VolumeError;
pub use mounter::{MountCall, Mounter, RecordingMounter, SystemMounter};
pub use paths::PodPaths;
pub use setup::{ImageVolume, MountedVolume, PodVolumes, VolumeOptions, Volumes};
pub use tokens::TokenCache;

#[cfg(test)]
mod tests;
