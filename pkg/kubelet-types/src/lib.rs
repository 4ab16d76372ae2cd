//! What the parts of the kubelet share.
//!
//! - [`pod`]: facts that follow from a pod's specification alone;
//! - [`container`]: the three lists of containers seen as one;
//! - [`resources`]: QoS class, requests and limits, CPU shares and quota, OOM scores;
//! - [`backoff`] and [`clock`]: exponential back-off by key, and the time it goes by;
//! - [`expansion`] and [`fields`]: `$(VAR)` references and the downward API;
//! - [`image`]: names of images;
//! - [`pressure`]: what the node is short of;
//! - [`seams`]: what the kubelet needs of the API server, behind small traits;
//! - `testing` (a feature): those traits in memory.
//!
//! Invariant: no IO happens here.

pub mod backoff;
pub mod clock;
pub mod container;
pub mod expansion;
pub mod fields;
pub mod image;
pub mod pod;
pub mod pressure;
pub mod resources;
pub mod seams;
#[cfg(feature = "testing")]
pub mod testing;
