//! The KubeSchedulerConfiguration file (`kubescheduler.config.k8s.io/v1`): its types, defaults and validation.
//!
//! [`load`] gives a configuration with every default filled in; [`validation::validate`] finds everything that is wrong.

pub mod args;
mod defaults;
mod plugins;
pub mod validation;

#[cfg(test)]
mod tests;

use std::path::Path;

use component_base::GoDuration;
use component_base::config::{ConfigError, DecodeError};
use component_base::feature_gates::Feature;
use component_base::options::{ClientConnectionConfiguration, LeaderElectionConfiguration};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use args::PluginArgs;
pub use defaults::default_plugins;
pub use plugins::{ExtensionPoint, Plugin, PluginSet, Plugins};

/// `apiVersion` of the file.
pub const API_VERSION: &str = "kubescheduler.config.k8s.io/v1";
/// `kind` of the file.
pub const KIND: &str = "KubeSchedulerConfiguration";
/// The scheduler that pods ask for when they say nothing.
pub const DEFAULT_SCHEDULER_NAME: &str = "default-scheduler";
/// What the leader's Lease is called.
pub const LOCK_NAME: &str = "kube-scheduler";

/// A scheduler's configuration.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubeSchedulerConfiguration {
    /// How many threads look at nodes at once, at most.
    pub parallelism: i32,
    /// Which of several schedulers works.
    pub leader_election: LeaderElectionConfiguration,
    /// How the API server is reached.
    pub client_connection: ClientConnectionConfiguration,
    /// `/debug/pprof` is served.
    pub enable_profiling: bool,
    /// Contention is profiled too.
    pub enable_contention_profiling: bool,
    /// How many of the nodes are looked at until enough fit; 0 for a figure that follows the size of the cluster.
    pub percentage_of_nodes_to_score: i32,
    /// The first back-off of a pod that could not be scheduled.
    pub pod_initial_backoff_seconds: i64,
    /// The longest back-off.
    pub pod_max_backoff_seconds: i64,
    /// The schedulers that run here.
    pub profiles: Vec<Profile>,
    /// Webhooks that take part in scheduling.
    pub extenders: Vec<Extender>,
    /// Whether the caches are filled only by the leader.
    pub delay_cache_until_active: bool,
}

/// A scheduler by name.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Profile {
    /// Pods with this `spec.schedulerName` are its.
    pub scheduler_name: String,
    /// Goes before the configuration's figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub percentage_of_nodes_to_score: Option<i32>,
    /// Its plugins, the default ones included.
    pub plugins: Plugins,
    /// Its plugins' arguments.
    pub plugin_config: Vec<PluginConfig>,
}

impl Profile {
    /// A plugin's arguments.
    #[must_use]
    pub fn args(&self, plugin: &str) -> Option<&PluginArgs> {
        let config = self.plugin_config.iter().find(|config| config.name == plugin);
        config.map(|config| &config.args)
    }
}

/// A plugin's arguments.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PluginConfig {
    /// The plugin.
    pub name: String,
    /// Its arguments.
    pub args: PluginArgs,
}

/// A webhook that takes part in scheduling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Extender {
    /// Where it is.
    #[serde(rename = "urlPrefix")]
    pub url_prefix: String,
    /// What is put behind the URL to filter nodes; empty if it does not.
    pub filter_verb: String,
    /// To have a say in preemption.
    pub preempt_verb: String,
    /// To score nodes.
    pub prioritize_verb: String,
    /// What its scores are multiplied with.
    pub weight: i64,
    /// To bind pods.
    pub bind_verb: String,
    /// Talks TLS.
    #[serde(rename = "enableHTTPS")]
    pub enable_https: bool,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tls_config: Option<ExtenderTlsConfig>,
    /// How long one call may take; 0 for five seconds.
    pub http_timeout: GoDuration,
    /// Gets the names of nodes instead of the nodes.
    pub node_cache_capable: bool,
    /// The resources it knows of; pods that request none of them are not its business.
    pub managed_resources: Vec<ExtenderManagedResource>,
    /// Scheduling goes on without it when it fails.
    pub ignorable: bool,
}

/// A resource that an extender knows of.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtenderManagedResource {
    /// Its name.
    pub name: String,
    /// NodeResourcesFit leaves it to the extender.
    pub ignored_by_scheduler: bool,
}

/// How an extender is reached by TLS.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExtenderTlsConfig {
    /// Takes any certificate.
    pub insecure: bool,
    /// The name that the certificate must carry.
    pub server_name: String,
    /// File of the client's certificate.
    pub cert_file: String,
    /// File of its key.
    pub key_file: String,
    /// File of authorities.
    #[serde(rename = "caFile")]
    pub ca_file: String,
    /// The client's certificate, base64.
    pub cert_data: String,
    /// Its key, base64.
    pub key_data: String,
    /// Authorities, base64.
    #[serde(rename = "caData")]
    pub ca_data: String,
}

/// The file as it is written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct File {
    parallelism: Option<i32>,
    leader_election: Option<LeaderElectionFile>,
    client_connection: Option<ClientConnectionFile>,
    enable_profiling: Option<bool>,
    enable_contention_profiling: Option<bool>,
    percentage_of_nodes_to_score: Option<i32>,
    pod_initial_backoff_seconds: Option<i64>,
    pod_max_backoff_seconds: Option<i64>,
    profiles: Vec<ProfileFile>,
    extenders: Vec<Extender>,
    delay_cache_until_active: bool,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct LeaderElectionFile {
    leader_elect: Option<bool>,
    lease_duration: GoDuration,
    renew_deadline: GoDuration,
    retry_period: GoDuration,
    resource_lock: String,
    resource_name: String,
    resource_namespace: String,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ClientConnectionFile {
    kubeconfig: String,
    accept_content_types: String,
    content_type: String,
    qps: f32,
    burst: i32,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ProfileFile {
    scheduler_name: Option<String>,
    percentage_of_nodes_to_score: Option<i32>,
    plugins: Option<Plugins>,
    plugin_config: Vec<PluginConfigFile>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
struct PluginConfigFile {
    name: String,
    args: Option<Value>,
}

/// What of the feature gates bears on the defaults and the validation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfigGates {
    /// `DynamicResourceAllocation`.
    pub dynamic_resources: bool,
    /// `StorageCapacityScoring`.
    pub storage_capacity_scoring: bool,
}

impl Default for ConfigGates {
    fn default() -> Self {
        Self {
            dynamic_resources: true,
            storage_capacity_scoring: false,
        }
    }
}

impl ConfigGates {
    /// As the gates say.
    #[must_use]
    pub fn from_gates(gates: &component_base::feature_gates::FeatureGates) -> Self {
        Self {
            dynamic_resources: gates.enabled(Feature::DynamicResourceAllocation),
            storage_capacity_scoring: gates.enabled(Feature::StorageCapacityScoring),
        }
    }
}

/// The configuration without a file.
#[must_use]
pub fn default_configuration(gates: ConfigGates) -> KubeSchedulerConfiguration {
    defaults::complete(File::default(), gates)
        .expect("the empty configuration has no arguments that could be malformed")
}

/// Reads a configuration from text.
///
/// # Errors
/// No configuration of this kind, unknown fields, values of the wrong type.
pub fn parse(text: &[u8], gates: ConfigGates) -> Result<KubeSchedulerConfiguration, DecodeError> {
    let file: File = component_base::config::from_slice_of_kind(text, &[(API_VERSION, KIND)])?;
    defaults::complete(file, gates)
}

/// Reads a configuration file.
///
/// # Errors
/// The file cannot be read; otherwise as [`parse`].
pub fn load(path: &Path, gates: ConfigGates) -> Result<KubeSchedulerConfiguration, ConfigError> {
    let text = std::fs::read(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    parse(&text, gates).map_err(|source| ConfigError::Load {
        path: path.to_owned(),
        source,
    })
}

/// The configuration as a document, for `--write-config-to` and `/configz`.
#[must_use]
pub fn to_document(configuration: &KubeSchedulerConfiguration) -> Value {
    let mut document = serde_json::to_value(configuration).expect("a configuration encodes as JSON");
    document["apiVersion"] = API_VERSION.into();
    document["kind"] = KIND.into();
    document
}
