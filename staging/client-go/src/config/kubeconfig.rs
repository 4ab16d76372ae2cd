//! The kubeconfig file: its types, reading and writing (upstream: `tools/clientcmd/api`).
//!
//! Unknown members are passed over, `null` is an absent member, and a name may stand only once in a list. In memory the
//! lists are maps; each entry remembers the file it came from, which is never written.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use k8s_api::primitives::{ByteString, quote};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ConfigError;

/// A kubeconfig: clusters, users, and contexts that pair them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Kubeconfig {
    /// Where API servers are, by name.
    pub clusters: BTreeMap<String, Cluster>,
    /// Who clients are, by name.
    pub auth_infos: BTreeMap<String, AuthInfo>,
    /// Pairs of the two with a namespace, by name.
    pub contexts: BTreeMap<String, Context>,
    /// The context that is used when none is named; may be empty.
    pub current_context: String,
    /// What clients keep here for themselves.
    pub preferences: Preferences,
    /// Foreign data, by name.
    pub extensions: BTreeMap<String, Value>,
}

/// Client-side settings.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Preferences {
    /// Whether output may have colours.
    #[serde(skip_serializing_if = "is_false")]
    pub colors: bool,
    /// Foreign data, by name.
    #[serde(with = "extensions", skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
}

/// Where an API server is, and how it proves who it is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Cluster {
    /// `https://host:port`, perhaps with a path.
    pub server: String,
    /// The name that the server's certificate must carry; empty for the host of `server`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub tls_server_name: String,
    /// Takes any certificate. Anybody in between can read and change everything.
    #[serde(skip_serializing_if = "is_false")]
    pub insecure_skip_tls_verify: bool,
    /// File of the authorities that may sign the server's certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub certificate_authority: String,
    /// The same, in place; goes before the file.
    #[serde(skip_serializing_if = "no_bytes")]
    pub certificate_authority_data: ByteString,
    /// A proxy: `http`, `https` or `socks5`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub proxy_url: String,
    /// Whether responses must not be compressed.
    #[serde(skip_serializing_if = "is_false")]
    pub disable_compression: bool,
    /// Foreign data, by name.
    #[serde(with = "extensions", skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
    /// The file this entry was read from.
    #[serde(skip)]
    pub location_of_origin: Option<PathBuf>,
}

/// Who a client is.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct AuthInfo {
    /// File of the client's certificate.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_certificate: String,
    /// The same, in place; goes before the file.
    #[serde(skip_serializing_if = "no_bytes")]
    pub client_certificate_data: ByteString,
    /// File of the certificate's key.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client_key: String,
    /// The same, in place; goes before the file.
    #[serde(skip_serializing_if = "no_bytes")]
    pub client_key_data: ByteString,
    /// A bearer token.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub token: String,
    /// File of a bearer token; read again as it changes.
    #[serde(rename = "tokenFile", skip_serializing_if = "String::is_empty")]
    pub token_file: String,
    /// The user to act as.
    #[serde(rename = "as", skip_serializing_if = "String::is_empty")]
    pub impersonate: String,
    /// The UID to act as.
    #[serde(rename = "as-uid", skip_serializing_if = "String::is_empty")]
    pub impersonate_uid: String,
    /// The groups to act as.
    #[serde(rename = "as-groups", skip_serializing_if = "Vec::is_empty")]
    pub impersonate_groups: Vec<String>,
    /// Further attributes to act with.
    #[serde(rename = "as-user-extra", skip_serializing_if = "BTreeMap::is_empty")]
    pub impersonate_user_extra: BTreeMap<String, Vec<String>>,
    /// For basic authentication.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub username: String,
    /// For basic authentication.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub password: String,
    /// A provider built into clients of old; kept so that it can be refused by name and written back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_provider: Option<Value>,
    /// A program that gives credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exec: Option<ExecConfig>,
    /// Foreign data, by name.
    #[serde(with = "extensions", skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
    /// The file this entry was read from.
    #[serde(skip)]
    pub location_of_origin: Option<PathBuf>,
}

impl std::fmt::Debug for AuthInfo {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("AuthInfo")
            .field("client_certificate", &self.client_certificate)
            .field("client_key", &self.client_key)
            .field("token_file", &self.token_file)
            .field("username", &self.username)
            .field("impersonate", &self.impersonate)
            .finish_non_exhaustive()
    }
}

/// A cluster, a user and a namespace.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Context {
    /// Name of the cluster.
    pub cluster: String,
    /// Name of the user.
    #[serde(rename = "user")]
    pub auth_info: String,
    /// The namespace that is meant when none is named.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
    /// Foreign data, by name.
    #[serde(with = "extensions", skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, Value>,
    /// The file this entry was read from.
    #[serde(skip)]
    pub location_of_origin: Option<PathBuf>,
}

/// A program that prints an `ExecCredential`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ExecConfig {
    /// The program; looked up in `PATH`, or relative to the kubeconfig if it contains a slash.
    pub command: String,
    /// Its arguments.
    pub args: Vec<String>,
    /// Additional environment.
    pub env: Vec<ExecEnvVar>,
    /// `client.authentication.k8s.io/v1` or `…/v1beta1`.
    pub api_version: String,
    /// What to tell a user who has not got the program.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub install_hint: String,
    /// Whether the program is told which cluster it is for.
    pub provide_cluster_info: bool,
    /// `Never`, `IfAvailable` or `Always`: whether it reads standard input.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub interactive_mode: String,
}

/// One variable of a program's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecEnvVar {
    /// The variable.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The file as it is written.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
struct File {
    kind: String,
    #[serde(rename = "apiVersion")]
    api_version: String,
    preferences: Preferences,
    clusters: Vec<Named>,
    users: Vec<Named>,
    contexts: Vec<Named>,
    current_context: String,
    #[serde(with = "extensions")]
    extensions: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Named {
    name: String,
    #[serde(alias = "user", alias = "context")]
    cluster: Value,
}

impl Kubeconfig {
    /// Whether nothing at all is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads YAML or JSON.
    ///
    /// # Errors
    /// The text is no YAML, no kubeconfig, or names something twice.
    pub fn parse(text: &str) -> Result<Self, ConfigError> {
        let mut value =
            apimachinery::json::yaml_to_json(text).map_err(|error| ConfigError::Syntax(error.to_string()))?;
        if value.is_null() {
            return Ok(Self::default());
        }
        drop_nulls(&mut value);
        let file: File = decode(value)?;
        let group_version_kind_known =
            matches!(file.api_version.as_str(), "" | "v1") && matches!(file.kind.as_str(), "" | "Config");
        if !group_version_kind_known {
            let (version, kind) = (quote(&file.api_version), quote(&file.kind));
            return Err(ConfigError::Syntax(format!(
                "no kind {kind} is registered for version {version}"
            )));
        }
        Ok(Self {
            clusters: named("Cluster", file.clusters)?,
            auth_infos: with_interactive_mode(named("AuthInfo", file.users)?),
            contexts: named("Context", file.contexts)?,
            current_context: file.current_context,
            preferences: file.preferences,
            extensions: file.extensions,
        })
    }

    /// Reads a file and notes it as the origin of every entry.
    ///
    /// # Errors
    /// The file cannot be read, or [`Kubeconfig::parse`] refuses it.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let mut config = Self::parse(&text)?;
        config
            .clusters
            .values_mut()
            .for_each(|entry| entry.location_of_origin = Some(path.to_owned()));
        config
            .auth_infos
            .values_mut()
            .for_each(|entry| entry.location_of_origin = Some(path.to_owned()));
        config
            .contexts
            .values_mut()
            .for_each(|entry| entry.location_of_origin = Some(path.to_owned()));
        Ok(config)
    }

    /// The file's content.
    #[must_use]
    pub fn to_yaml(&self) -> String {
        apimachinery::codec::yaml::to_string(&self.to_value())
    }

    /// The file's content as a document.
    #[must_use]
    pub fn to_value(&self) -> Value {
        // Go writes an empty list that nobody made as null.
        fn list_or_null<T: Serialize>(member: &str, entries: &BTreeMap<String, T>) -> Value {
            if entries.is_empty() {
                Value::Null
            } else {
                list(member, entries)
            }
        }
        let mut value = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": list_or_null("cluster", &self.clusters),
            "users": list_or_null("user", &self.auth_infos),
            "contexts": list_or_null("context", &self.contexts),
            "current-context": self.current_context,
        });
        if self.preferences != Preferences::default() {
            value["preferences"] = json!(self.preferences);
        }
        if !self.extensions.is_empty() {
            value["extensions"] = list("extension", &self.extensions);
        }
        value
    }

    /// Writes the file, readable by its owner only, and makes the folders above it. Readers see the old or the new
    /// content, never a part of it.
    ///
    /// # Errors
    /// The file or a folder cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), ConfigError> {
        write_private(path, self.to_yaml().as_bytes()).map_err(|source| ConfigError::Write {
            path: path.to_owned(),
            source,
        })
    }
}

fn write_private(path: &Path, content: &[u8]) -> io::Result<()> {
    // A link is followed, so that the file it names is replaced and not the link.
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let name = path.file_name().ok_or(io::ErrorKind::InvalidInput)?.to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}", uuid::Uuid::new_v4()));
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)
    };
    write().inspect_err(|_| {
        // The first error is the one to report; a leftover of our own name does no harm.
        let _ = fs::remove_file(&temporary);
    })
}

/// Upstream's default for files written before the field was there.
fn with_interactive_mode(mut users: BTreeMap<String, AuthInfo>) -> BTreeMap<String, AuthInfo> {
    for exec in users.values_mut().filter_map(|user| user.exec.as_mut()) {
        if exec.interactive_mode.is_empty() && exec.api_version == super::exec::V1BETA1 {
            "IfAvailable".clone_into(&mut exec.interactive_mode);
        }
    }
    users
}

fn decode<T: serde::de::DeserializeOwned>(value: Value) -> Result<T, ConfigError> {
    serde_json::from_value(value).map_err(|error| ConfigError::Syntax(error.to_string()))
}

fn named<T: serde::de::DeserializeOwned + Default>(
    kind: &str,
    entries: Vec<Named>,
) -> Result<BTreeMap<String, T>, ConfigError> {
    let mut map = BTreeMap::new();
    for entry in entries {
        let value = if entry.cluster.is_null() {
            T::default()
        } else {
            decode(entry.cluster)?
        };
        if map.insert(entry.name.clone(), value).is_some() {
            let name = quote(&entry.name);
            return Err(ConfigError::Syntax(format!(
                "error converting *[]Named{kind} into *map[string]*api.{kind}: duplicate name {name} in list"
            )));
        }
    }
    Ok(map)
}

fn list<T: Serialize>(member: &str, entries: &BTreeMap<String, T>) -> Value {
    let item = |(name, entry): (&String, &T)| {
        let entry = serde_json::to_value(entry).expect("kubeconfig entries encode as JSON");
        Value::Object(
            [
                ("name".to_owned(), Value::from(name.as_str())),
                (member.to_owned(), entry),
            ]
            .into_iter()
            .collect(),
        )
    };
    entries.iter().map(item).collect()
}

/// An absent member and `null` are the same to Go; inside extensions nothing is touched.
fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members
                .iter_mut()
                .filter(|(name, _)| *name != "extension")
                .for_each(|(_, member)| drop_nulls(member));
        }
        Value::Array(items) => items.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

fn no_bytes(value: &ByteString) -> bool {
    value.is_empty()
}

mod extensions {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_json::Value;

    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Named {
        name: String,
        extension: Value,
    }

    pub(super) fn serialize<S: Serializer>(map: &BTreeMap<String, Value>, serializer: S) -> Result<S::Ok, S::Error> {
        super::list("extension", map).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, Value>, D::Error> {
        let list = Vec::<Named>::deserialize(deserializer)?;
        Ok(list.into_iter().map(|named| (named.name, named.extension)).collect())
    }
}
