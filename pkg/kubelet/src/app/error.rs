//! Why a kubelet does not start.

use std::io;

use client_go::transport::TransportError;
use kubelet_cgroup::CgroupError;

/// Why a kubelet does not start.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine or the configuration does not fit.
    #[error("{0}")]
    Refused(String),
    /// The kubeconfig cannot be used.
    #[error("failed to load kubeconfig: {0}")]
    Kubeconfig(#[from] client_go::config::ConfigError),
    /// The client cannot be made.
    #[error("failed to initialize kubelet client: {0}")]
    Client(#[from] TransportError),
    /// The runtime does not answer.
    #[error("{0}")]
    Runtime(#[from] cri_client::Error),
    /// A cgroup cannot be made.
    #[error("failed to initialize top level QOS containers: {0}")]
    Cgroup(#[from] CgroupError),
    /// A system call failed.
    #[error("{action}: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// What the system said.
        source: io::Error,
    },
}

impl RunError {
    pub(crate) fn io(action: impl Into<String>, source: io::Error) -> Self {
        Self::Io {
            action: action.into(),
            source,
        }
    }
}
