//! Credentials of registries, from secrets of the types `dockerconfigjson` and `dockercfg`.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cri_client::api::AuthConfig;
use k8s_api::core::v1::Secret;
use kubelet_types::image::repository;
use serde::{Deserialize, Serialize};

use crate::pull_records::PullSecret;

#[derive(Deserialize)]
struct ConfigJson {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(default)]
struct Entry {
    username: String,
    password: String,
    auth: String,
    email: String,
    identitytoken: String,
}

/// What is tried with a registry, and whose it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Credential {
    /// What the runtime is told.
    pub auth: AuthConfig,
    /// The secret that it is from; none for what every pod of the node may use.
    pub secret: Option<PullSecret>,
}

/// What the hash of a credential is made of: upstream's fields in upstream's order, so that its records are good here.
#[derive(Serialize)]
struct Hashed<'a> {
    #[serde(skip_serializing_if = "str::is_empty")]
    username: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    password: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    email: &'a str,
}

impl Hashed<'_> {
    fn hash(&self) -> String {
        // A struct of texts has a JSON form.
        let json = serde_json::to_string(self).unwrap_or_default();
        // As Go writes it, which thinks of HTML.
        let mut text = String::with_capacity(json.len());
        for character in json.chars() {
            match character {
                '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                    text.push_str(&format!("\\u{:04x}", u32::from(character)));
                }
                other => text.push(other),
            }
        }
        hex::encode(digest(&SHA256, text.as_bytes()))
    }
}

/// Credentials by registry, those of longer paths first.
#[derive(Clone, Default)]
pub struct Keyring {
    entries: Vec<(String, Credential)>,
}

impl Keyring {
    /// From a pod's pull secrets; one that cannot be read is logged and left out.
    #[must_use]
    pub fn from_secrets(secrets: &[Arc<Secret>]) -> Self {
        let mut keyring = Self::default();
        for secret in secrets {
            if let Err(error) = keyring.add_secret(secret) {
                tracing::error!(
                    error,
                    secret = secret.metadata.name,
                    "unable to parse docker config of a pull secret"
                );
            }
        }
        keyring.entries.sort_by(|a, b| b.0.cmp(&a.0));
        keyring
    }

    fn add_secret(&mut self, secret: &Secret) -> Result<(), String> {
        let entries = if let Some(json) = secret.data.get(".dockerconfigjson") {
            serde_json::from_slice::<ConfigJson>(json).map(|config| config.auths)
        } else if let Some(json) = secret.data.get(".dockercfg") {
            serde_json::from_slice(json)
        } else {
            return Ok(());
        };
        for (registry, entry) in entries.map_err(|error| error.to_string())? {
            let email = entry.email.clone();
            let auth = auth_config(entry).map_err(|error| format!("registry {registry}: {error}"))?;
            let hashed = Hashed {
                username: &auth.username,
                password: &auth.password,
                email: &email,
            };
            let meta = &secret.metadata;
            let source = PullSecret {
                uid: meta.uid.clone(),
                namespace: meta.namespace.clone(),
                name: meta.name.clone(),
                credential_hash: hashed.hash(),
            };
            let secret = Some(source);
            self.entries.push((normalize(&registry), Credential { auth, secret }));
        }
        Ok(())
    }

    /// Adds the node's own credentials by pattern of registry and path.
    pub(crate) fn add(&mut self, entries: BTreeMap<String, AuthConfig>) {
        let entries = entries
            .into_iter()
            .map(|(registry, auth)| (normalize(&registry), Credential { auth, secret: None }));
        self.entries.extend(entries);
        self.entries.sort_by(|a, b| b.0.cmp(&a.0));
    }

    /// The credentials to try for an image, in order.
    #[must_use]
    pub fn lookup(&self, image: &str) -> Vec<Credential> {
        let target = repository(image);
        self.entries
            .iter()
            .filter(|(pattern, _)| matches(pattern, &target))
            .map(|(_, credential)| credential.clone())
            .collect()
    }
}

fn auth_config(entry: Entry) -> Result<AuthConfig, String> {
    let (mut username, mut password) = (entry.username, entry.password);
    if !entry.auth.is_empty() {
        let decoded = STANDARD.decode(entry.auth.trim()).map_err(|error| error.to_string())?;
        let text = String::from_utf8(decoded).map_err(|_| "unable to parse auth field".to_owned())?;
        let (name, secret) = text
            .split_once(':')
            .ok_or("unable to parse auth field, must be formatted as base64(username:password)")?;
        (username, password) = (name.to_owned(), secret.to_owned());
    }
    Ok(AuthConfig {
        username,
        password,
        identity_token: entry.identitytoken,
        ..Default::default()
    })
}

/// Host, port and path of a registry, however it was written.
fn normalize(registry: &str) -> String {
    let bare = registry
        .trim_start_matches("https://")
        .trim_start_matches("http://")
        .trim_end_matches('/');
    let (host, path) = bare.split_once('/').unwrap_or((bare, ""));
    let path = if matches!(path, "v1" | "v2") { "" } else { path };
    let host = if host == "docker.io" { "index.docker.io" } else { host };
    if path.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{path}")
    }
}

/// Whether a pattern as people write it covers the repository of an image.
pub(crate) fn covers(pattern: &str, repository: &str) -> bool {
    matches(&normalize(pattern), repository)
}

/// Whether the registry covers the image: the same port, a path in front of the image's, and host parts that are the same or
/// match by `*`.
fn matches(pattern: &str, target: &str) -> bool {
    let split = |text: &str| -> (String, String, String) {
        let (host, path) = text.split_once('/').unwrap_or((text, ""));
        let (host, port) = host.rsplit_once(':').unwrap_or((host, ""));
        (host.to_owned(), port.to_owned(), path.to_owned())
    };
    let (pattern, target) = (split(pattern), split(target));
    let (own, other): (Vec<_>, Vec<_>) = (pattern.0.split('.').collect(), target.0.split('.').collect());
    pattern.1 == target.1
        && target.2.starts_with(&pattern.2)
        && own.len() == other.len()
        && own.iter().zip(&other).all(|(own, other)| glob(own, other))
}

/// `*` stands for any characters of one host part.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((front, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(text) = text.strip_prefix(front) else {
        return false;
    };
    (0..=text.len()).any(|at| text.is_char_boundary(at) && glob(rest, &text[at..]))
}
