//! Flags of delegated authentication and authorization, and what they complete to.

mod authentication;
mod authorization;

use std::path::Path;
use std::time::Duration;

use client_go::config::in_cluster;
use client_go::transport::TransportError;
use client_go::{Client, Config};
use component_base::serving::CertificateError;

pub use authentication::{Authentication, DelegatingAuthenticationOptions, RequestHeaderOptions};
pub use authorization::DelegatingAuthorizationOptions;

/// Why nobody can be asked.
#[derive(Debug, thiserror::Error)]
pub enum DelegationError {
    /// The kubeconfig is of no use.
    #[error("failed to get delegated {purpose} kubeconfig: {source}")]
    Kubeconfig {
        /// `authentication` or `authorization`.
        purpose: &'static str,
        /// Why.
        source: client_go::config::ConfigError,
    },
    /// There is no client with it.
    #[error("failed to get delegated {purpose} kubeconfig: {source}")]
    Client {
        /// `authentication` or `authorization`.
        purpose: &'static str,
        /// Why.
        source: TransportError,
    },
    /// A CA bundle cannot be used.
    #[error("unable to load client CA provider: {0}")]
    Authorities(#[from] CertificateError),
    /// The API server does not give its own configuration.
    #[error("unable to load configmap based request-header-client-ca-file: {0}")]
    Lookup(client_go::Error),
    /// A path of `--authorization-always-allow-paths`.
    #[error(transparent)]
    Path(#[from] crate::PathError),
    /// Flags that make no sense.
    #[error("{0}")]
    Option(String),
}

/// The client of a purpose: from the file; without one from the pod the component runs in, if it runs in one.
fn client(
    kubeconfig: &str,
    purpose: &'static str,
    timeout: Option<Duration>,
) -> Result<Option<Client>, DelegationError> {
    let config = if kubeconfig.is_empty() {
        match in_cluster::config() {
            Ok(config) => config,
            Err(client_go::config::ConfigError::NotInCluster) => return Ok(None),
            Err(error) => {
                tracing::warn!(%error, "failed to read in-cluster kubeconfig for delegated {purpose}");
                return Ok(None);
            }
        }
    } else {
        Config::from_flags(Some(Path::new(kubeconfig)), "")
            .map_err(|source| DelegationError::Kubeconfig { purpose, source })?
    };
    // How fast callers are answered depends on it, so the limits are high.
    let config = Config {
        qps: 200.0,
        burst: 400,
        timeout,
        ..config
    };
    Client::new(&config)
        .map(Some)
        .map_err(|source| DelegationError::Client { purpose, source })
}
