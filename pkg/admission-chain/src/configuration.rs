//! The configuration file: for each plugin its own configuration, inline or in a file.

use std::{
    fs,
    path::{Path, PathBuf},
};

use component_base::config::{self, DecodeError};
use serde::Deserialize;

use crate::AdmissionError;

const KINDS: &[(&str, &str)] = &[
    ("apiserver.config.k8s.io/v1", "AdmissionConfiguration"),
    ("apiserver.k8s.io/v1alpha1", "AdmissionConfiguration"),
];
/// Plugins whose configuration was the whole file, without kind and version, and the key by which it is known.
const LEGACY: [(&str, &str); 2] = [
    ("ImagePolicyWebhook", "imagePolicy"),
    ("PodNodeSelector", "podNodeSelectorPluginConfig"),
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    plugins: Vec<PluginConfiguration>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PluginConfiguration {
    name: String,
    #[serde(default)]
    path: String,
    #[serde(default)]
    configuration: Option<serde_json::Value>,
}

/// The configurations of the plugins.
#[derive(Debug, Default)]
pub(crate) struct Configuration(Vec<PluginConfiguration>);

impl Configuration {
    /// Reads the file; an empty name is no file. `enabled` are the plugins that are on.
    pub(crate) fn load(file: &str, enabled: &[&str]) -> Result<Self, AdmissionError> {
        if file.is_empty() {
            return Ok(Self::default());
        }
        let path = PathBuf::from(file);
        let bytes = fs::read(&path).map_err(|source| AdmissionError::Read {
            path: path.clone(),
            source,
        })?;
        match config::from_slice_of_kind::<Document>(&bytes, KINDS) {
            Ok(document) => {
                let mut plugins = document.plugins;
                let base = path.parent().unwrap_or_else(|| Path::new("."));
                for plugin in plugins.iter_mut().filter(|plugin| !plugin.path.is_empty()) {
                    // Relative to the file that names it.
                    plugin.path = base.join(&plugin.path).to_string_lossy().into_owned();
                }
                Ok(Self(plugins))
            }
            Err(error @ DecodeError::UnexpectedKind { .. }) => legacy(file, &bytes, enabled).ok_or(error.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// The configuration of a plugin, as text.
    pub(crate) fn of(&self, plugin: &str) -> Result<Option<Vec<u8>>, AdmissionError> {
        let Some(own) = self.0.iter().find(|own| own.name == plugin) else {
            return Ok(None);
        };
        if let Some(inline) = &own.configuration {
            return Ok(Some(inline.to_string().into_bytes()));
        }
        if own.path.is_empty() {
            return Ok(None);
        }
        let path = PathBuf::from(&own.path);
        let read = fs::read(&path);
        read.map(Some)
            .map_err(|source| AdmissionError::PluginFile { path, source })
    }
}

/// The file as that of the plugins whose configuration it was before there were kinds.
fn legacy(file: &str, bytes: &[u8], enabled: &[&str]) -> Option<Configuration> {
    let value: serde_json::Value = config::from_slice(bytes).ok()?;
    let known = LEGACY.iter().any(|(_, key)| value.get(key).is_some());
    known.then(|| {
        let plugins = LEGACY.iter().filter(|(name, _)| enabled.contains(name));
        let own = plugins.map(|(name, _)| PluginConfiguration {
            name: (*name).to_owned(),
            path: file.to_owned(),
            configuration: None,
        });
        Configuration(own.collect())
    })
}
