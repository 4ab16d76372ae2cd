//! `--encryption-provider-config`: the EncryptionConfiguration of `apiserver.config.k8s.io/v1`, read strictly, validated
//! with upstream's rules and messages.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;

use super::cipher::Cipher;
use super::{GroupResource, NamedKey, Provider, Transformer, Transformers};

const API_VERSION: &str = "apiserver.config.k8s.io/v1";
const KIND: &str = "EncryptionConfiguration";

const AES_KEY_SIZES: &[usize] = &[16, 24, 32];
const SECRETBOX_KEY_SIZES: &[usize] = &[32];

/// Why a configuration is refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("error reading encryption provider configuration file {path:?}")]
    Open {
        /// The file.
        path: String,
        /// The system's answer.
        #[source]
        source: std::io::Error,
    },
    /// The file holds nothing.
    #[error("encryption provider configuration file {0:?} is empty")]
    Empty(String),
    /// The file is not the configuration it should be: bad YAML, an unknown field, another kind.
    #[error("error decoding encryption provider configuration file: {0}")]
    Decode(String),
    /// What the file says is not allowed.
    #[error("{}", join(.0))]
    Invalid(Vec<String>),
}

/// Strict, and without the quotations from the file that errors have by default: they would put secrets into the log.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::Error,
        with_snippet: false,
    }
}

fn join(errors: &[String]) -> String {
    match errors {
        [error] => error.clone(),
        errors => format!("[{}]", errors.join(", ")),
    }
}

/// The configuration file.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EncryptionConfig {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    resources: Vec<ResourceConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ResourceConfig {
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    providers: Vec<ProviderConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct ProviderConfig {
    aesgcm: Option<KeysConfig>,
    aescbc: Option<KeysConfig>,
    secretbox: Option<KeysConfig>,
    identity: Option<IdentityConfig>,
    kms: Option<KmsConfig>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeysConfig {
    #[serde(default)]
    keys: Vec<KeyConfig>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyConfig {
    #[serde(default)]
    name: String,
    #[serde(default)]
    secret: String,
}

impl std::fmt::Debug for KeyConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Name: {}, Secret: [REDACTED]", self.name)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct IdentityConfig {}

/// Read so that the refusal can name the provider.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KmsConfig {
    #[serde(default)]
    name: String,
    #[serde(rename = "apiVersion", default)]
    _api_version: String,
    #[serde(rename = "cachesize", default)]
    _cache_size: Option<i32>,
    #[serde(rename = "endpoint", default)]
    _endpoint: String,
    #[serde(rename = "timeout", default)]
    _timeout: Option<String>,
}

impl EncryptionConfig {
    /// Reads and validates the file, and makes the transformations it asks for.
    ///
    /// # Errors
    /// [`ConfigError`], all of what is invalid at once.
    pub fn load(path: &Path) -> Result<Transformers, ConfigError> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Open {
            path: name.clone(),
            source,
        })?;
        if text.is_empty() {
            return Err(ConfigError::Empty(name));
        }
        Self::parse(&text)
    }

    /// As [`EncryptionConfig::load`], from the file's content.
    ///
    /// # Errors
    /// As there.
    pub fn parse(text: &str) -> Result<Transformers, ConfigError> {
        let config: Self = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| ConfigError::Decode(error.to_string()))?;
        if (&config.api_version[..], &config.kind[..]) != (API_VERSION, KIND) {
            let (kind, version) = (config.kind, config.api_version);
            return Err(ConfigError::Decode(format!(
                "no kind {kind:?} is registered for version {version:?}"
            )));
        }
        config.validate()?;
        config.build()
    }

    fn validate(&self) -> Result<(), ConfigError> {
        let mut errors = Vec::new();
        if self.resources.is_empty() {
            errors.push("resources: Required value: at least one resources is required".to_owned());
        }
        for (number, entry) in self.resources.iter().enumerate() {
            let path = format!("resources[{number}]");
            if entry.resources.is_empty() {
                errors.push(format!(
                    "{path}.resources: Required value: at least one {path}.resources is required"
                ));
            }
            check_overlap(&entry.resources, &format!("{path}.resources"), &mut errors);
            for (number, resource) in entry.resources.iter().enumerate() {
                if let Some(reason) = refused_resource(resource) {
                    errors.push(format!(
                        "{path}.resources[{number}]: Invalid value: {resource:?}: {reason}"
                    ));
                }
            }
            if entry.providers.is_empty() {
                errors.push(format!(
                    "{path}.providers: Required value: at least one {path}.providers is required"
                ));
            }
            for (number, provider) in entry.providers.iter().enumerate() {
                provider.validate(&format!("{path}.providers[{number}]"), &mut errors);
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(ConfigError::Invalid(errors))
        }
    }

    fn build(&self) -> Result<Transformers, ConfigError> {
        let mut providers: HashMap<GroupResource, Vec<Provider>> = HashMap::new();
        for entry in &self.resources {
            for resource in &entry.resources {
                let resource = GroupResource::parse(resource);
                for earlier in [GroupResource::new(&resource.group, "*"), GroupResource::new("*", "*")] {
                    if providers.contains_key(&earlier) {
                        let (resource, earlier) = (resource.to_string(), earlier.to_string());
                        return Err(ConfigError::Invalid(vec![format!(
                            "resource {resource:?} is masked by earlier rule {earlier:?}"
                        )]));
                    }
                }
                let built = entry.providers.iter().map(ProviderConfig::build);
                providers.entry(resource).or_default().extend(built);
            }
        }
        let transformers = providers.into_iter().map(|(resource, providers)| {
            (
                resource,
                Arc::new(Transformer {
                    providers,
                    unconfigured: false,
                }),
            )
        });
        Ok(Transformers {
            configured: transformers.collect(),
        })
    }
}

/// Says why a resource cannot be configured.
fn refused_resource(resource: &str) -> Option<&'static str> {
    let parsed = GroupResource::parse(resource);
    if resource.to_lowercase() != resource {
        return Some("resource name should not contain capital letters");
    }
    match resource {
        "*" => {
            return Some("use '*.' to encrypt all the resources from core API group or *.* to encrypt all resources");
        }
        "apiserveripinfo" | "serviceipallocations" | "servicenodeportallocations" => {
            return Some("resources which do not have REST API/s cannot be encrypted");
        }
        _ => {}
    }
    match (&parsed.group[..], &parsed.resource[..]) {
        ("events.k8s.io", _) => Some(
            "'*.events.k8s.io' objects are stored using the 'events' API group in etcd. Use 'events' instead in the config file",
        ),
        ("extensions", _) => Some("'extensions' group has been removed and cannot be used for encryption"),
        ("*", "*") => None,
        ("*", _) => Some("encrypting the same resource across groups is not supported"),
        _ => None,
    }
}

/// Refuses a resource that is named twice in one list, by itself or through a wildcard.
fn check_overlap(resources: &[String], path: &str, errors: &mut Vec<String>) {
    let parsed: Vec<_> = resources
        .iter()
        .map(|resource| GroupResource::parse(resource))
        .collect();
    let (mut duplicate, mut overlap) = (false, false);
    for (i, one) in parsed.iter().enumerate() {
        for (j, other) in parsed.iter().enumerate() {
            if i == j {
                continue;
            }
            if one == other {
                duplicate = true;
            } else if (&one.group[..], &one.resource[..]) == ("*", "*")
                || one.group == other.group && (one.resource == "*" || other.resource == "*")
            {
                overlap = true;
            }
        }
    }
    let list = || {
        resources
            .iter()
            .map(|resource| format!("{resource:?}"))
            .collect::<Vec<_>>()
            .join(",")
    };
    if duplicate {
        errors.push(format!(
            "{path}: Invalid value: [{}]: the same resource cannot be specified multiple times",
            list()
        ));
    }
    if overlap {
        errors.push(format!(
            "{path}: Invalid value: [{}]: using overlapping resources such as 'secrets' and '*.' in the same resource list \
             is not allowed as they will be masked",
            list()
        ));
    }
}

/// What makes a kind of provider with keys.
struct KeyedProvider {
    prefix: &'static str,
    title: &'static str,
    cipher: fn(&[u8]) -> Option<Cipher>,
}

const AES_GCM: KeyedProvider = KeyedProvider {
    prefix: "k8s:enc:aesgcm:v1:",
    title: "AES",
    cipher: Cipher::aes_gcm,
};
const AES_CBC: KeyedProvider = KeyedProvider {
    prefix: "k8s:enc:aescbc:v1:",
    title: "AES",
    cipher: Cipher::aes_cbc,
};
const SECRETBOX: KeyedProvider = KeyedProvider {
    prefix: "k8s:enc:secretbox:v1:",
    title: "Secretbox",
    cipher: Cipher::secretbox,
};

impl ProviderConfig {
    fn validate(&self, path: &str, errors: &mut Vec<String>) {
        let keyed = [
            ("aesgcm", &self.aesgcm, AES_KEY_SIZES),
            ("aescbc", &self.aescbc, AES_KEY_SIZES),
            ("secretbox", &self.secretbox, SECRETBOX_KEY_SIZES),
        ];
        let found = keyed.iter().filter(|(_, config, _)| config.is_some()).count()
            + usize::from(self.identity.is_some())
            + usize::from(self.kms.is_some());
        if found == 0 {
            errors.push(format!(
                "{path}: Invalid value: {{}}: provider does not contain any of the expected providers: KMS, AESGCM, AESCBC, \
                 Secretbox, Identity"
            ));
        }
        if found > 1 {
            errors.push(format!(
                "{path}: Invalid value: {{}}: more than one provider specified in a single element, should split into \
                 different list elements"
            ));
        }
        for (name, config, sizes) in keyed {
            if let Some(config) = config {
                config.validate(&format!("{path}.{name}.keys"), sizes, errors);
            }
        }
        if let Some(kms) = &self.kms {
            let name = &kms.name;
            errors.push(format!(
                "{path}.kms: Invalid value: {name:?}: KMS providers are not supported by this server"
            ));
        }
    }

    /// The provider of a validated configuration.
    fn build(&self) -> Provider {
        let keyed = [
            (&self.aesgcm, AES_GCM),
            (&self.aescbc, AES_CBC),
            (&self.secretbox, SECRETBOX),
        ];
        for (config, provider) in keyed {
            let Some(config) = config else { continue };
            let keys = config.keys.iter().map(|key| NamedKey {
                prefix: format!("{}:", key.name),
                cipher: key
                    .decode()
                    .and_then(|secret| (provider.cipher)(&secret))
                    .expect("the key was validated"),
            });
            return Provider {
                prefix: provider.prefix,
                title: provider.title,
                keys: keys.collect(),
            };
        }
        Provider::identity()
    }
}

impl KeysConfig {
    fn validate(&self, path: &str, sizes: &[usize], errors: &mut Vec<String>) {
        if self.keys.is_empty() {
            errors.push(format!("{path}: Required value: at least one keys is required"));
        }
        for (number, key) in self.keys.iter().enumerate() {
            let path = format!("{path}[{number}]");
            if key.name.is_empty() {
                errors.push(format!(
                    "{path}.name: Required value: name is a mandatory field for a key"
                ));
            }
            if key.secret.is_empty() {
                errors.push(format!(
                    "{path}.secret: Required value: secret is a mandatory field for a key"
                ));
                continue;
            }
            match key.decode().map(|secret| secret.len()) {
                None => errors.push(format!(
                    "{path}.secret: Invalid value: \"REDACTED\": secrets must be base64 encoded"
                )),
                Some(length) if !sizes.contains(&length) => {
                    let sizes = sizes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ");
                    errors.push(format!(
                        "{path}.secret: Invalid value: \"REDACTED\": secret is not of the expected length, got {length}, \
                         expected one of [{sizes}]"
                    ));
                }
                Some(_) => {}
            }
        }
    }
}

impl KeyConfig {
    /// The secret; line breaks in it do not count.
    fn decode(&self) -> Option<Vec<u8>> {
        let secret: String = self.secret.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        STANDARD.decode(secret).ok()
    }
}
