//! The plugins' configuration: as whom webhooks are asked.

use std::path::Path;

use client_go::config::{ConfigError, Kubeconfig, LoadingRules};
use component_base::config::{DecodeError, from_slice_of_kind};
use serde::Deserialize;

const KINDS: &[(&str, &str)] = &[
    ("apiserver.config.k8s.io/v1", "WebhookAdmissionConfiguration"),
    ("apiserver.config.k8s.io/v1alpha1", "WebhookAdmission"),
];

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WebhookConfigurationError {
    /// It is no such configuration.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The kubeconfig file must be named by its whole path.
    #[error("kubeConfigFile must be an absolute file path, got: {0}")]
    RelativePath(String),
    /// The kubeconfig file cannot be used.
    #[error(transparent)]
    Kubeconfig(#[from] ConfigError),
    /// Webhooks from files are behind a feature that this server does not have.
    #[error(
        "static webhook manifests dir {0:?} configured but ManifestBasedAdmissionControlConfig feature gate is not enabled"
    )]
    StaticManifests(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default, rename = "kubeConfigFile")]
    kubeconfig_file: String,
    #[serde(default)]
    static_manifests_dir: String,
}

/// `WebhookAdmissionConfiguration`.
#[derive(Clone, Debug, Default)]
pub struct WebhookAdmissionConfiguration {
    /// Credentials by `host:port`, `*.suffix` or `*` of the webhooks.
    pub kubeconfig: Kubeconfig,
}

impl WebhookAdmissionConfiguration {
    /// Reads a configuration and the kubeconfig file that it names.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, WebhookConfigurationError> {
        let document: Document = from_slice_of_kind(bytes, KINDS)?;
        if !document.static_manifests_dir.is_empty() {
            return Err(WebhookConfigurationError::StaticManifests(
                document.static_manifests_dir,
            ));
        }
        if document.kubeconfig_file.is_empty() {
            return Ok(Self::default());
        }
        if !Path::new(&document.kubeconfig_file).is_absolute() {
            return Err(WebhookConfigurationError::RelativePath(document.kubeconfig_file));
        }
        Ok(Self {
            kubeconfig: LoadingRules::explicit(document.kubeconfig_file).load()?,
        })
    }
}
