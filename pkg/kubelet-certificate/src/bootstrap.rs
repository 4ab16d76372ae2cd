//! The first client certificate.

use std::path::Path;
use std::time::{Duration, SystemTime};

use client_go::Client;
use client_go::config::kubeconfig::{AuthInfo, Cluster, Context};
use client_go::config::{ConfigError, Kubeconfig, LoadingRules, Overrides};
use client_go::transport::TransportError;

use crate::request::{ObtainError, Wanted, obtain};
use crate::store::{Pair, Store, StoreError};

/// The user, context and cluster of the kubeconfig that is written.
const CLUSTER: &str = "default-cluster";
const USER: &str = "default-auth";
const CONTEXT: &str = "default-context";
const PAUSE: Duration = Duration::from_secs(5);

/// No client certificate.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// A kubeconfig.
    #[error("unable to load bootstrap kubeconfig: {0}")]
    Config(#[from] ConfigError),
    /// A client cannot be made of it.
    #[error("unable to create certificates signing request client: {0}")]
    Client(#[from] TransportError),
    /// It was refused.
    #[error("failed to run Kubelet: cannot obtain a client certificate: {0}")]
    Obtain(#[from] ObtainError),
    /// It cannot be kept.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Whether a kubeconfig can be used as it is: it is there, and its client certificate, if it has one, is valid.
#[must_use]
pub fn is_usable(path: &Path, now: SystemTime) -> bool {
    if !path.is_file() {
        return false;
    }
    let loaded = LoadingRules::explicit(path).load();
    let config = loaded.and_then(|kubeconfig| kubeconfig.client_config(&Overrides::default()));
    let config = match config {
        Ok(config) => config,
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "the kubeconfig cannot be used, a new one is made");
            return false;
        }
    };
    let tls = &config.tls;
    if !tls.has_client_certificate() {
        return true;
    }
    let pem = if tls.cert_data.is_empty() {
        match std::fs::read(&tls.cert_file) {
            Ok(pem) => pem,
            Err(error) => {
                tracing::warn!(%error, path = tls.cert_file, "the client certificate cannot be read, a new one is asked for");
                return false;
            }
        }
    } else {
        tls.cert_data.clone()
    };
    Pair::read(&pem).is_some_and(|pair| pair.is_valid(now))
}

/// Makes sure that the kubeconfig can be used: if it cannot, a certificate is asked for with the bootstrap kubeconfig, and a
/// kubeconfig is written that uses it. Waits for an API server that does not answer.
///
/// # Errors
/// The bootstrap kubeconfig cannot be used, the request is refused, or a file cannot be written.
pub async fn ensure(kubeconfig: &Path, bootstrap: &Path, store: &Store, node: &str) -> Result<(), BootstrapError> {
    if is_usable(kubeconfig, SystemTime::now()) {
        tracing::info!("Kubeconfig file is still valid, skipping bootstrap");
        return Ok(());
    }
    tracing::info!(path = %bootstrap.display(), "Using bootstrap kubeconfig to generate TLS client cert, key and kubeconfig file");
    let loaded = LoadingRules::explicit(bootstrap).load()?;
    let current = store.current();
    if !current.is_some_and(|pair| pair.is_valid(SystemTime::now())) {
        let client = Client::new(&loaded.client_config(&Overrides::default())?)?;
        let (certificate, key) = loop {
            match obtain(&client, &Wanted::client(node)).await {
                Ok(pair) => break pair,
                Err(error @ ObtainError::Refused { .. }) => return Err(error.into()),
                Err(error) => {
                    tracing::error!(%error, "no client certificate yet");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        store.update(&certificate, &key)?;
    }
    written(&loaded, store)?.write(kubeconfig)?;
    Ok(())
}

/// The kubeconfig that uses the store's pair with the cluster of the bootstrap kubeconfig.
fn written(bootstrap: &Kubeconfig, store: &Store) -> Result<Kubeconfig, ConfigError> {
    let mut resolved = bootstrap.clone();
    resolved.resolve_paths()?;
    let context = resolved.effective_context(&Overrides::default())?;
    let cluster = resolved.clusters.get(&context.cluster).cloned().unwrap_or_default();
    let pem = store.current_path().display().to_string();
    let mut written = Kubeconfig {
        current_context: CONTEXT.to_owned(),
        ..Default::default()
    };
    let cluster = Cluster {
        location_of_origin: None,
        ..cluster
    };
    written.clusters.insert(CLUSTER.to_owned(), cluster);
    let mut user = AuthInfo::default();
    user.client_certificate.clone_from(&pem);
    user.client_key = pem;
    written.auth_infos.insert(USER.to_owned(), user);
    let context = Context {
        cluster: CLUSTER.to_owned(),
        auth_info: USER.to_owned(),
        namespace: "default".to_owned(),
        ..Default::default()
    };
    written.contexts.insert(CONTEXT.to_owned(), context);
    Ok(written)
}
