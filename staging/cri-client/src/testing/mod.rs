//! What tests of this and other crates drive a runtime client with.
//!
//! - [`FakeRuntime`]: a runtime in memory that keeps the life cycle's rules, writes container logs, and can be told to fail,
//!   hang or be slow; its time is tokio's, so that tests pause it;
//! - [`FakeServer`]: any runtime of this process behind a unix socket, for clients that speak gRPC;
//! - [`Containerd`]: a containerd of the test's own, with its own state, network and cgroups, removed without a trace;
//! - [`conformance`]: what any runtime must do, run on all of them.

mod containerd;
mod fake;
mod server;

pub mod conformance;

pub use containerd::{BUSYBOX_IMAGE, Containerd, ContainerdOptions, PAUSE_IMAGE};
pub use fake::{FakeRuntime, Fault, OnTerm, Program, RecordedCall, Stream};
pub use server::FakeServer;
