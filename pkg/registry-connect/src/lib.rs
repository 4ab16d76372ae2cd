//! Subresources that lead elsewhere: `pods/log`, `exec`, `attach` and `portforward` through kubelets, `proxy` of pods,
//! services and nodes.
//!
//! A connection to a back end carries one request. Credentials of the client do not reach it: to kubelets this
//! server shows its own certificate.
//!
//! Upstream counterpart: `pkg/registry/core/{pod,node,service}/rest`, `pkg/kubelet/client`,
//! `k8s.io/apimachinery/pkg/util/proxy`.

mod backend;
mod components;
mod kubelet;
mod name_port;
mod node;
mod options;
mod pod;
mod proxy;
mod service;

pub use backend::{TlsFiles, TlsFilesError};
pub use components::ComponentStatuses;
pub use kubelet::Kubelets;
pub use node::NodeProxy;
pub use options::KubeletClientOptions;
pub use pod::{PodLog, PodProxy, PodStream, StreamKind, Streams};
pub use proxy::Proxy;
pub use service::ServiceProxy;
