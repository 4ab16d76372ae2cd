//! Container images from the project's own binaries and Debian's busybox-static, without a registry or a daemon.
//!
//! [`catalog`] says which images there are, [`binaries`] builds the programs they hold, [`Layer`] packs files, and
//! [`write_archive`] writes one tar that `ctr images import`, `docker load`, podman and skopeo all read.
//!
//! Invariant: the same inputs give the same bytes (sorted entries, no times, no owner names), so that an image's digest says
//! whether it changed. Upstream counterpart: `build/` with its Dockerfiles.

mod archive;
pub mod binaries;
pub mod busybox;
pub mod catalog;
mod error;
mod layer;
mod reference;

pub use archive::{Image, ImageConfig, write_archive};
pub use error::{Error, Result};
pub use layer::Layer;
pub use reference::normalize;
