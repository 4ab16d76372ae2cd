//! The admission plugins of kube-apiserver.
//!
//! [`PLUGINS`] is the chain: every plugin with its place, whether it is on by default, and how it is made.
//! [`AdmissionOptions`] are the flags that switch plugins on and off and name the configuration file;
//! [`build`] makes the chain that they ask for. Upstream: `pkg/kubeapiserver/options/plugins.go` and
//! `k8s.io/apiserver/pkg/server/options/admission.go`.

mod configuration;
mod image_review;
mod options;
mod stored;
mod table;
#[cfg(test)]
mod tests;

use std::{path::PathBuf, sync::Arc};

use apiserver::{
    admission::{AdmissionMetrics, Chain, Permissions, Plugin, StoreDirectory},
    proxy::ServiceResolver,
};
use component_base::{config::DecodeError, feature_gates::FeatureGates, metrics::MetricsRegistry};

pub use options::AdmissionOptions;
pub use table::{Entry, PLUGINS};

use configuration::Configuration;

/// What plugins are made of besides their configuration.
#[derive(Clone, Debug)]
pub struct Environment {
    /// Which behaviours are on.
    pub gates: Arc<FeatureGates>,
    /// The server's stores; they may be bound after the chain is made.
    pub directory: Arc<StoreDirectory>,
    /// Finds the Services that webhooks are behind.
    pub services: ServiceResolver,
    /// The server's authorizer.
    pub permissions: Permissions,
    /// The newest minor version whose behaviour is known.
    pub emulated: u32,
    /// Where plugins publish metrics of their own.
    pub registry: MetricsRegistry,
    /// Where durations are noted.
    pub metrics: AdmissionMetrics,
}

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
pub enum AdmissionError {
    /// Flags that contradict each other or name plugins that there are not.
    #[error("[{}]", .0.join(", "))]
    Flags(Vec<String>),
    /// The configuration file cannot be read.
    #[error("failed to read plugin config: unable to read admission control configuration from {path:?} [{source}]")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The configuration file is no configuration.
    #[error("failed to read plugin config: {0}")]
    Decode(#[from] DecodeError),
    /// A plugin's own file cannot be read.
    #[error("couldn't open admission plugin configuration {path}: {source}")]
    PluginFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A plugin's configuration cannot be used.
    #[error("couldn't init admission plugin {plugin:?}: {message}")]
    Plugin {
        /// The plugin.
        plugin: &'static str,
        /// What is wrong.
        message: String,
    },
}

/// Makes the chain that the flags ask for.
///
/// # Errors
/// Flags, files or configurations that cannot be used.
pub fn build(options: &AdmissionOptions, environment: &Environment) -> Result<Chain, AdmissionError> {
    let errors = options.validate();
    if !errors.is_empty() {
        return Err(AdmissionError::Flags(errors));
    }
    let names = options.enabled();
    let configuration = Configuration::load(&options.config_file, &names)?;
    let parts = table::Parts::new(options, environment);
    let mut plugins: Vec<Arc<dyn Plugin>> = Vec::with_capacity(names.len());
    for entry in PLUGINS.iter().filter(|entry| names.contains(&entry.name)) {
        let own = configuration.of(entry.name)?;
        let made = (entry.make)(&parts, own.as_deref());
        let made = made.map_err(|message| AdmissionError::Plugin {
            plugin: entry.name,
            message,
        })?;
        plugins.extend(made);
    }
    let chain = Chain::measured(plugins, &environment.metrics);
    tracing::info!(plugins = %chain.names().join(","), "admission plugins in their order");
    Ok(chain)
}
