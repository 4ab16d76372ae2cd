//! Brings the sandbox and the containers of a pod to what its specification says.
//!
//! - [`KubeRuntime`]: observe ([`KubeRuntime::pod_status`]), decide ([`actions::compute`]), act ([`KubeRuntime::sync_pod`]),
//!   and end ([`KubeRuntime::kill_pod`]);
//! - [`status`]: what the runtime holds of a pod;
//! - [`actions`]: the decision, without IO;
//! - [`image`]: presence, pulls, credentials and their back-off;
//! - [`pull_records`]: who has pulled an image with what, so that no pod gets another's image;
//! - [`labels`]: what ties sandboxes and containers to pods, so that a kubelet finds its pods again after a restart.
//!
//! Invariants: nothing of a pod is kept here between two syncs but back-off and pull state, so that a sync can be cut off
//! anywhere and begun anew; containers without the kubelet's labels are never touched. Upstream counterpart:
//! `pkg/kubelet/kuberuntime` and `pkg/kubelet/images`.

pub mod actions;
mod container;
mod credential_provider;
pub mod credentials;
pub mod dns;
mod environment;
mod gc;
mod hooks;
pub mod hosts;
pub mod image;
mod kill;
pub mod labels;
mod log_files;
mod mounts;
pub mod pull_records;
mod resize;
mod resources;
mod runtime;
mod sandbox;
mod security;
mod start;
pub mod status;
mod sync;

#[cfg(test)]
mod tests;

pub use credential_provider::{CredentialProviders, ProviderError};
pub use gc::GcPolicy;
pub use pull_records::{PullRecords, VerificationPolicy};
pub use runtime::{KubeRuntime, RuntimeOptions, RuntimeParts};
pub use status::{ContainerRecord, ContainerState, PodRecord, RuntimePod};
pub use sync::{PodIds, StartFailure, SyncContext, SyncOutcome};
