//! `CredentialProviderConfig`: which programs give credentials for which images.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use component_base::GoDuration;
use component_base::config::{self, DecodeError};
use serde::Deserialize;

const GROUP_VERSIONS: [&str; 3] = [
    "kubelet.config.k8s.io/v1",
    "kubelet.config.k8s.io/v1beta1",
    "kubelet.config.k8s.io/v1alpha1",
];
/// The versions of the protocol that programs may speak.
const PROTOCOLS: [&str; 3] = [
    "credentialprovider.kubelet.k8s.io/v1",
    "credentialprovider.kubelet.k8s.io/v1alpha1",
    "credentialprovider.kubelet.k8s.io/v1beta1",
];

/// Why there are no providers.
#[derive(Debug, thiserror::Error)]
pub enum ProviderError {
    /// The directory of the programs.
    #[error("plugin binary directory {0} did not exist")]
    NoDirectory(String),
    /// A program.
    #[error("plugin binary executable {0} did not exist")]
    NoProgram(String),
    /// A file cannot be read.
    #[error("unable to access path {path:?}: {source}")]
    Read {
        /// The file or directory.
        path: String,
        /// The system's words.
        source: io::Error,
    },
    /// A directory without configuration.
    #[error("no configuration files found in directory {0:?}")]
    NoFiles(String),
    /// A file is no configuration.
    #[error("error decoding config {path:?}: {source}")]
    Decode {
        /// The file.
        path: String,
        /// What is wrong.
        source: DecodeError,
    },
    /// A configuration that makes no sense.
    #[error("failed to validate credential provider config: {}", shown(.0))]
    Invalid(Vec<String>),
}

fn shown(errors: &[String]) -> String {
    match errors {
        [one] => one.clone(),
        several => format!("[{}]", several.join(", ")),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct File {
    providers: Vec<Provider>,
}

/// One program.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) match_images: Vec<String>,
    pub(crate) default_cache_duration: Option<GoDuration>,
    pub(crate) api_version: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<Variable>,
    token_attributes: Option<serde_json::Value>,
}

/// A variable of a program's environment.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
}

/// The providers of a file, or of the JSON and YAML files of a directory in order.
pub(crate) fn read(path: &Path) -> Result<Vec<Provider>, ProviderError> {
    let failed = |source| ProviderError::Read {
        path: path.display().to_string(),
        source,
    };
    let mut files = vec![path.to_owned()];
    if fs::metadata(path).map_err(failed)?.is_dir() {
        let entries: io::Result<Vec<PathBuf>> =
            fs::read_dir(path).and_then(|entries| entries.map(|entry| entry.map(|entry| entry.path())).collect());
        files = entries.map_err(failed)?;
        files.retain(|file| {
            let kind = file.extension().and_then(|kind| kind.to_str());
            file.is_file() && matches!(kind, Some("json" | "yaml" | "yml"))
        });
        files.sort();
        if files.is_empty() {
            return Err(ProviderError::NoFiles(path.display().to_string()));
        }
    }
    let mut providers = Vec::new();
    for file in files {
        let shown = file.display().to_string();
        let bytes = fs::read(&file).map_err(|source| ProviderError::Read {
            path: shown.clone(),
            source,
        })?;
        let kinds = GROUP_VERSIONS.map(|version| (version, "CredentialProviderConfig"));
        let read: File = config::from_slice_of_kind(&bytes, &kinds)
            .map_err(|source| ProviderError::Decode { path: shown, source })?;
        providers.extend(read.providers);
    }
    validate(&providers)?;
    Ok(providers)
}

fn validate(providers: &[Provider]) -> Result<(), ProviderError> {
    let mut errors = Vec::new();
    if providers.is_empty() {
        errors.push("providers: Required value: at least 1 item in plugins is required".to_owned());
    }
    for (index, provider) in providers.iter().enumerate() {
        let Provider { name, api_version, .. } = provider;
        let invalid_name = [
            (name.contains('/'), "provider name cannot contain '/'"),
            (name.contains(' '), "provider name cannot contain spaces"),
            (name == ".", "provider name cannot be '.'"),
            (name == "..", "provider name cannot be '..'"),
        ];
        for (_, why) in invalid_name.iter().filter(|(wrong, _)| *wrong) {
            errors.push(format!("providers.name: Invalid value: {name:?}: {why}"));
        }
        if providers[..index].iter().any(|other| other.name == *name) {
            errors.push(format!("providers.name: Duplicate value: {name:?}"));
        }
        if api_version.is_empty() {
            errors.push("providers.apiVersion: Required value".to_owned());
        } else if !PROTOCOLS.contains(&api_version.as_str()) {
            let known: Vec<_> = PROTOCOLS.iter().map(|it| format!("{it:?}")).collect();
            let known = known.join(", ");
            errors.push(format!(
                "providers.apiVersion: Unsupported value: {api_version:?}: supported values: {known}"
            ));
        }
        if provider.match_images.is_empty() {
            errors.push("providers.matchImages: Required value: at least 1 item in matchImages is required".to_owned());
        }
        match provider.default_cache_duration {
            None => errors.push("providers.defaultCacheDuration: Required value".to_owned()),
            Some(duration) if duration < GoDuration::ZERO => errors.push(format!(
                "providers.defaultCacheDuration: Invalid value: {:?}: must be greater than or equal to 0",
                duration.to_string()
            )),
            Some(_) => {}
        }
        if provider.token_attributes.is_some() {
            errors.push(
                "providers.tokenAttributes: Forbidden: this kubelet gives no service account tokens to credential providers"
                    .to_owned(),
            );
        }
    }
    if errors.is_empty() {
        Ok(())
    } else {
        Err(ProviderError::Invalid(errors))
    }
}
