//! The configuration of a program that runs in a pod (upstream: `rest.InClusterConfig`).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use super::{Config, ConfigError, TlsConfig};

/// Where the kubelet puts a service account's token, namespace and authorities.
pub const SERVICE_ACCOUNT_FOLDER: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The configuration from the pod's environment and service account.
///
/// # Errors
/// The program does not run in a pod, or the token cannot be read.
pub fn config() -> Result<Config, ConfigError> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(host), Some(port)) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT")) else {
        return Err(ConfigError::NotInCluster);
    };
    config_from(&host, &port, Path::new(SERVICE_ACCOUNT_FOLDER))
}

/// The same from a given host, port and folder.
pub(super) fn config_from(host: &str, port: &str, folder: &Path) -> Result<Config, ConfigError> {
    let token_file = folder.join("token");
    let token = read(&token_file)?;
    let ca_file = folder.join("ca.crt");
    let mut tls = TlsConfig::default();
    match fs::read(&ca_file) {
        Ok(_) => tls.ca_file = ca_file.to_string_lossy().into_owned(),
        Err(error) => {
            tracing::error!(%error, file = %ca_file.display(), "the authorities of the API server cannot be read")
        }
    }
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    };
    Ok(Config {
        host: format!("https://{host}:{port}"),
        tls,
        bearer_token: token.trim().to_owned(),
        bearer_token_file: token_file.to_string_lossy().into_owned(),
        ..Config::default()
    })
}

/// The pod's namespace: `POD_NAMESPACE`, or the service account's; `None` outside of pods.
#[must_use]
pub fn namespace() -> Option<String> {
    namespace_from(
        env::var("POD_NAMESPACE").ok(),
        &PathBuf::from(SERVICE_ACCOUNT_FOLDER).join("namespace"),
    )
}

pub(super) fn namespace_from(variable: Option<String>, file: &Path) -> Option<String> {
    let from_file = || Some(fs::read_to_string(file).ok()?.trim().to_owned());
    variable
        .filter(|name| !name.is_empty())
        .or_else(from_file)
        .filter(|name| !name.is_empty())
}

fn read(path: &Path) -> Result<String, ConfigError> {
    fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })
}
