//! A client of the Container Runtime Interface v1 over gRPC on a unix socket (containerd, CRI-O, cri-dockerd).
//!
//! - [`api`]: the messages and calls of `runtime.v1` as of v1.36;
//! - [`RuntimeService`] and [`ImageService`]: the seams the kubelet is written against;
//! - [`RemoteRuntimeService`] and [`RemoteImageService`]: the same over a socket, with deadlines for every call;
//! - `testing` (a feature): an in-memory runtime, a gRPC server for it, a containerd of one's own, and one conformance suite
//!   that all of them pass.
//!
//! Invariants: no call waits for ever unless its description says so; dropping a call's future cancels it in the runtime; an
//! answer with a required field missing is an error, never a half-filled value. Upstream counterpart: `k8s.io/cri-client`
//! with the interfaces of `k8s.io/cri-api`.

pub mod api;
mod connection;
mod endpoint;
mod error;
mod remote_image;
mod remote_runtime;
mod service;
#[cfg(feature = "testing")]
pub mod testing;
mod verify;

pub use connection::{CallObserver, ConnectOptions, DEFAULT_TIMEOUT, MAX_MESSAGE_SIZE};
pub use endpoint::{Endpoint, EndpointError};
pub use error::{Code, Error, Result};
pub use remote_image::RemoteImageService;
pub use remote_runtime::RemoteRuntimeService;
pub use service::{EventStream, ExecSyncOutput, ImageService, RuntimeService};
