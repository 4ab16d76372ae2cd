//! Encryption at rest: values are transformed on their way into the store and back.
//!
//! The formats are upstream's to the byte (`k8s:enc:<provider>:v1:<key name>:` and the provider's own layout behind it), so that an upstream
//! server's values are read, and it reads ours. The first provider and its first key write; all of them read. A value that another one wrote
//! is *stale*: whoever updates it writes it anew even if nothing else changed. Counterpart of `k8s.io/apiserver/pkg/storage/value`.
//!
//! The authenticated data is the value's full key in the store. AES-GCM binds a value to it, so that it cannot be moved to another key.

mod cipher;
mod config;
mod store;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use self::cipher::Cipher;
pub use self::config::{ConfigError, EncryptionConfig};
pub use self::store::{Encrypted, EncryptionKeys};

/// Every encrypted value begins with this; no JSON, YAML or protobuf value does.
const ENCRYPTED_PREFIX: &[u8] = b"k8s:enc:";

/// Why a value could not be transformed. The texts are upstream's; they name keys, never secrets.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransformError {
    /// One reason.
    #[error("{0}")]
    One(String),
    /// Several keys or providers were tried.
    #[error("[{}]", .0.join(", "))]
    Several(Vec<String>),
}

impl TransformError {
    fn of(mut reasons: Vec<String>, otherwise: &str) -> Self {
        match reasons.len() {
            0 => Self::One(otherwise.to_owned()),
            1 => Self::One(reasons.swap_remove(0)),
            _ => Self::Several(reasons),
        }
    }
}

/// A value as it was read from the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decrypted {
    /// The plain value.
    pub value: Bytes,
    /// The value should be written anew, even if it does not change: another provider or key wrote it than would now.
    pub stale: bool,
}

/// The keys of one provider, in the order of the configuration.
#[derive(Debug)]
struct Provider {
    /// `k8s:enc:<provider>:v1:`; empty for the identity provider, which has no keys.
    prefix: &'static str,
    /// The provider's name in messages.
    title: &'static str,
    keys: Vec<NamedKey>,
}

#[derive(Debug)]
struct NamedKey {
    /// The name with a colon behind it, as it stands in a value.
    prefix: String,
    cipher: Cipher,
}

impl Provider {
    fn identity() -> Self {
        Self {
            prefix: "",
            title: "identity",
            keys: Vec::new(),
        }
    }

    fn is_identity(&self) -> bool {
        self.prefix.is_empty()
    }

    /// Decrypts what stands behind the provider's prefix.
    fn read(&self, data: &[u8], authenticated: &[u8]) -> Result<Decrypted, TransformError> {
        let mut reasons = Vec::new();
        for (number, key) in self.keys.iter().enumerate() {
            let Some(data) = data.strip_prefix(key.prefix.as_bytes()) else {
                continue;
            };
            match key.cipher.open(data, authenticated) {
                Ok(value) => {
                    return Ok(Decrypted {
                        value: value.into(),
                        stale: number != 0,
                    });
                }
                Err(reason) => reasons.push(reason.to_owned()),
            }
        }
        Err(TransformError::of(
            reasons,
            &format!("no matching key was found for the provided {} transformer", self.title),
        ))
    }
}

/// The transformation of one resource's values.
#[derive(Debug)]
pub struct Transformer {
    providers: Vec<Provider>,
    /// There is no configuration for the resource.
    unconfigured: bool,
}

impl Transformer {
    /// The transformation of a resource that no configuration names: values are plain, and encrypted ones are refused.
    #[must_use]
    pub fn identity() -> Self {
        Self {
            providers: vec![Provider::identity()],
            unconfigured: true,
        }
    }

    /// Makes a stored value plain.
    ///
    /// # Errors
    /// If no provider and key can read it.
    pub fn read(&self, data: Bytes, authenticated: &[u8]) -> Result<Decrypted, TransformError> {
        let encrypted = data.starts_with(ENCRYPTED_PREFIX);
        let mut reasons = Vec::new();
        for (number, provider) in self.providers.iter().enumerate() {
            if provider.is_identity() {
                if encrypted {
                    // Another provider may be able to read it: so one migrates away from encryption.
                    continue;
                }
                return Ok(Decrypted {
                    value: data,
                    stale: number != 0,
                });
            }
            let Some(rest) = data.strip_prefix(provider.prefix.as_bytes()) else {
                continue;
            };
            match provider.read(rest, authenticated) {
                Ok(read) => {
                    return Ok(Decrypted {
                        stale: read.stale || number != 0,
                        ..read
                    });
                }
                // A later provider of the same kind may have the key.
                Err(TransformError::One(reason)) => reasons.push(reason),
                Err(TransformError::Several(several)) => reasons.extend(several),
            }
        }
        let otherwise = if self.unconfigured {
            "identity transformer tried to read encrypted data"
        } else {
            "no matching prefix found"
        };
        Err(TransformError::of(reasons, otherwise))
    }

    /// Makes a plain value what is to be stored.
    ///
    /// # Errors
    /// If the cipher fails, which happens only when the system has no randomness to give.
    pub fn write(&self, value: Bytes, authenticated: &[u8]) -> Result<Bytes, TransformError> {
        let provider = self.providers.first().expect("a transformer has at least one provider");
        let Some(key) = provider.keys.first() else {
            return Ok(value);
        };
        let mut data =
            Vec::with_capacity(provider.prefix.len() + key.prefix.len() + value.len() + Cipher::MAX_OVERHEAD);
        data.extend_from_slice(provider.prefix.as_bytes());
        data.extend_from_slice(key.prefix.as_bytes());
        key.cipher
            .seal(&value, authenticated, &mut data)
            .map_err(|reason| TransformError::One(reason.to_owned()))?;
        Ok(data.into())
    }
}

/// A resource, or `*` for all of a group, in a group, or `*` for all.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct GroupResource {
    group: String,
    resource: String,
}

impl GroupResource {
    fn new(group: &str, resource: &str) -> Self {
        Self {
            group: group.to_owned(),
            resource: resource.to_owned(),
        }
    }

    /// `resource.group`; without a dot it is of the core group.
    fn parse(text: &str) -> Self {
        let (resource, group) = text.split_once('.').unwrap_or((text, ""));
        Self::new(group, resource)
    }
}

impl std::fmt::Display for GroupResource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.group[..], &self.resource[..]) {
            ("", "*") => f.write_str("*."),
            ("", resource) => f.write_str(resource),
            (group, resource) => write!(f, "{resource}.{group}"),
        }
    }
}

/// The transformations of all resources.
#[derive(Debug, Default)]
pub struct Transformers {
    configured: HashMap<GroupResource, Arc<Transformer>>,
}

impl Transformers {
    /// The transformation of a resource: its own, else that of its group, else that of everything, else none. The core group is the empty string.
    #[must_use]
    pub fn for_resource(&self, group: &str, resource: &str) -> Arc<Transformer> {
        let candidates = [
            GroupResource::new(group, resource),
            GroupResource::new(group, "*"),
            GroupResource::new("*", "*"),
        ];
        let found = candidates.iter().find_map(|candidate| self.configured.get(candidate));
        found.map_or_else(|| Arc::new(Transformer::identity()), Arc::clone)
    }
}
