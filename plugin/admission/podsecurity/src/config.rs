//! The plugin's configuration: what holds where labels say nothing, and who is exempt.

use std::collections::BTreeSet;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::config::{DecodeError, from_slice_of_kind};
use serde::Deserialize;

use crate::level::{Level, LevelVersion, Policy, Version};

const KINDS: &[(&str, &str)] = &[
    ("pod-security.admission.config.k8s.io/v1", "PodSecurityConfiguration"),
    (
        "pod-security.admission.config.k8s.io/v1beta1",
        "PodSecurityConfiguration",
    ),
    (
        "pod-security.admission.config.k8s.io/v1alpha1",
        "PodSecurityConfiguration",
    ),
];

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// It is no such configuration.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its values make no sense.
    #[error("PodSecurity invalid: {0}")]
    Invalid(ErrorList),
}

/// `PodSecurityConfiguration`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSecurityConfiguration {
    /// What holds in a namespace without labels.
    #[serde(default)]
    pub defaults: Defaults,
    /// Whose pods are not looked at.
    #[serde(default)]
    pub exemptions: Exemptions,
}

/// Levels and versions of namespaces without labels. Empty means `privileged` and `latest`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Defaults {
    /// The level that is enforced.
    pub enforce: String,
    /// Its version.
    pub enforce_version: String,
    /// The level that is audited.
    pub audit: String,
    /// Its version.
    pub audit_version: String,
    /// The level that is warned of.
    pub warn: String,
    /// Its version.
    pub warn_version: String,
}

/// Whose pods are not looked at.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Exemptions {
    /// Users who make the pods.
    pub usernames: Vec<String>,
    /// Namespaces that they are in.
    pub namespaces: Vec<String>,
    /// Runtime classes that they use.
    pub runtime_classes: Vec<String>,
}

impl PodSecurityConfiguration {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, ConfigError> {
        let configuration: Self = from_slice_of_kind(bytes, KINDS)?;
        configuration.policy()?;
        Ok(configuration)
    }

    /// The policy of namespaces without labels.
    ///
    /// # Errors
    /// Every value that makes no sense.
    pub fn policy(&self) -> Result<Policy, ConfigError> {
        let mut errors = ErrorList::new();
        let defaults = Path::new("defaults");
        let mut read = |level: &str, version: &str, level_name: &str, version_name: &str| {
            let mut mode = LevelVersion::PRIVILEGED;
            if !level.is_empty() {
                match Level::parse(level) {
                    Ok(level) => mode.level = level,
                    Err(message) => errors.push(Error::invalid(&defaults.child(level_name), level, message)),
                }
            }
            if !version.is_empty() {
                match Version::parse(version) {
                    Ok(version) => mode.version = version,
                    Err(message) => errors.push(Error::invalid(&defaults.child(version_name), version, message)),
                }
            }
            mode
        };
        let set = &self.defaults;
        let enforce = read(&set.enforce, &set.enforce_version, "enforce", "enforce-version");
        let warn = read(&set.warn, &set.warn_version, "warn", "warn-version");
        let audit = read(&set.audit, &set.audit_version, "audit", "audit-version");
        let exemptions = Path::new("exemptions");
        let mut each = |name: &str, values: &[String], check: fn(&str) -> Vec<String>| {
            let list = exemptions.child(name);
            let mut seen = BTreeSet::new();
            for (index, value) in values.iter().enumerate() {
                let path = list.index(index);
                let messages = check(value);
                if !messages.is_empty() {
                    errors.push(Error::invalid(&path, value, messages.join(", ")));
                } else if !seen.insert(value) {
                    errors.push(Error::duplicate(&path, value));
                }
            }
        };
        each("namespaces", &self.exemptions.namespaces, |name| {
            names::dns1123_label(name)
        });
        each("runtimeClasses", &self.exemptions.runtime_classes, |name| {
            names::dns1123_subdomain(name)
        });
        each("usernames", &self.exemptions.usernames, |name| {
            let empty = name.is_empty().then(|| "username must not be empty".to_owned());
            empty.into_iter().collect()
        });
        if errors.is_empty() {
            Ok(Policy { enforce, audit, warn })
        } else {
            Err(ConfigError::Invalid(errors))
        }
    }
}

impl Exemptions {
    pub(crate) fn namespace(&self, name: &str) -> bool {
        !name.is_empty() && self.namespaces.iter().any(|exempt| exempt == name)
    }

    pub(crate) fn user(&self, name: &str) -> bool {
        !name.is_empty() && self.usernames.iter().any(|exempt| exempt == name)
    }

    pub(crate) fn runtime_class(&self, name: Option<&str>) -> bool {
        name.is_some_and(|name| !name.is_empty() && self.runtime_classes.iter().any(|exempt| exempt == name))
    }
}
