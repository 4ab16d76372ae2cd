//! How a client reaches an API server, and as whom (upstream: `rest.Config` and `tools/clientcmd`).
//!
//! A [`Config`] comes from a kubeconfig ([`LoadingRules`], [`Kubeconfig::client_config`]), from the pod a program runs in
//! ([`in_cluster`]) or is put together by hand. **Invariant:** nothing here opens a connection; files of certificates and
//! tokens are named, and the transport reads them when it needs them and again when they change.

pub mod exec;
pub mod in_cluster;
pub mod kubeconfig;
pub mod loading;
mod resolve;
mod validation;

pub(crate) use validation::check_proxy_url as check_proxy;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;

pub use kubeconfig::Kubeconfig;
pub use loading::LoadingRules;
pub use resolve::{Overrides, parse_timeout};

use crate::rest::metrics::RestMetrics;
use crate::transport::TransportError;

/// Why there is no configuration. The texts are upstream's; kubectl prints them.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file that cannot be read.
    #[error("open {}: {}", path.display(), go_io_error(source))]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that cannot be written.
    #[error("write {}: {}", path.display(), go_io_error(source))]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A text that is no kubeconfig.
    #[error("{0}")]
    Syntax(String),
    /// A file of several that is no kubeconfig.
    #[error("error loading config file \"{}\": {source}", path.display())]
    Load {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ConfigError>,
    },
    /// There is no configuration at all.
    #[error(
        "invalid configuration: no configuration has been provided, try setting KUBERNETES_MASTER environment variable"
    )]
    Empty,
    /// No context is named, and none is current.
    #[error("no context chosen")]
    NoContext,
    /// What a caller named is not there: `context "x" does not exist`.
    #[error("{kind} {} does not exist", k8s_api::primitives::quote(name))]
    NotFound {
        /// `context`, `cluster` or `auth info`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// Everything that is wrong with what is there.
    #[error("invalid configuration: {}", aggregate(.0))]
    Invalid(Vec<String>),
    /// A member with an impossible value.
    #[error("{0}")]
    Value(String),
    /// The program does not run in a pod.
    #[error(
        "unable to load in-cluster configuration, KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT must be defined"
    )]
    NotInCluster,
}

impl ConfigError {
    /// Whether nothing was configured, so that a program may fall back on something else.
    #[must_use]
    pub fn is_empty_config(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// Several messages as one, in upstream's form.
pub(crate) fn aggregate(messages: &[String]) -> String {
    match messages {
        [one] => one.clone(),
        _ => format!("[{}]", messages.join(", ")),
    }
}

/// An IO error as Go words it.
pub(crate) fn go_io_error(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file or directory".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::IsADirectory => "is a directory".to_owned(),
        io::ErrorKind::ConnectionRefused => "connection refused".to_owned(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".to_owned(),
        io::ErrorKind::BrokenPipe => "broken pipe".to_owned(),
        _ => error.to_string(),
    }
}

/// The user that a client acts as, if its own user may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The user; empty for nobody else.
    pub user_name: String,
    /// The user's UID.
    pub uid: String,
    /// The user's groups.
    pub groups: Vec<String>,
    /// The user's further attributes.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// How the two sides prove who they are. What is given in place goes before the file.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct TlsConfig {
    /// Takes any certificate.
    pub insecure: bool,
    /// The name that the server's certificate must carry; empty for the host.
    pub server_name: String,
    /// File of authorities; without authorities the system's are trusted.
    pub ca_file: String,
    /// Authorities, PEM.
    pub ca_data: Vec<u8>,
    /// File of the client's certificate chain.
    pub cert_file: String,
    /// The client's certificate chain, PEM.
    pub cert_data: Vec<u8>,
    /// File of the certificate's key.
    pub key_file: String,
    /// The certificate's key, PEM.
    pub key_data: Vec<u8>,
}

impl TlsConfig {
    /// Whether the client has a certificate.
    #[must_use]
    pub fn has_client_certificate(&self) -> bool {
        !(self.cert_file.is_empty() && self.cert_data.is_empty())
    }
}

/// A program that gives credentials, and what it is told of the cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecProvider {
    /// The program.
    pub exec: kubeconfig::ExecConfig,
    /// The cluster's extension `client.authentication.k8s.io/exec`.
    pub cluster_config: Option<serde_json::Value>,
    /// Why standard input is not the program's to read (kubectl reads a manifest from it), if it is not.
    pub stdin_unavailable: Option<String>,
}

/// Gives bearer tokens that change while the program runs.
pub trait TokenSource: Send + Sync {
    /// The token for the next request; a source keeps what it has while it is good.
    ///
    /// # Errors
    /// There is none to be had.
    fn token(&self) -> BoxFuture<'_, Result<String, TransportError>>;

    /// The server did not take this token.
    fn refused(&self, token: &str) -> BoxFuture<'_, ()>;
}

/// Says where a server is that is not to be found by its name.
pub trait Resolve: Send + Sync {
    /// `host:port` to dial, asked before each connection.
    ///
    /// # Errors
    /// There is none.
    fn address(&self) -> Result<String, String>;
}

/// Everything a client needs to know.
#[derive(Clone)]
pub struct Config {
    /// `https://host:port`, perhaps with a path; without a scheme `https` if there is anything for TLS, else `http`.
    pub host: String,
    /// Certificates.
    pub tls: TlsConfig,
    /// A bearer token.
    pub bearer_token: String,
    /// File of a bearer token; goes before `bearer_token`, read again once a minute and after a refusal.
    pub bearer_token_file: String,
    /// Gives bearer tokens; goes before the other ways.
    pub token_source: Option<Arc<dyn TokenSource>>,
    /// For basic authentication.
    pub username: String,
    /// For basic authentication.
    pub password: String,
    /// A program that gives credentials.
    pub exec: Option<ExecProvider>,
    /// Who to act as.
    pub impersonate: Impersonation,
    /// A proxy; empty for the one of the environment (`HTTPS_PROXY`, `NO_PROXY`).
    pub proxy_url: String,
    /// Says where to dial, where that is not what `host` says.
    pub resolver: Option<Arc<dyn Resolve>>,
    /// Whether to speak HTTP/1.1 though the server knows HTTP/2: requests then spread over the backends of a service.
    pub http1_only: bool,
    /// Whether responses may come compressed. Off unless asked for: between the processes of a cluster it takes more
    /// time than it saves.
    pub compression: bool,
    /// How long one request may take; `None` is for ever. Watches and streams are not bounded by it.
    pub timeout: Option<Duration>,
    /// Sustained requests a second; 0 is the default of 5, below 0 is without limit.
    pub qps: f32,
    /// Requests beyond that in a burst; 0 is the default of 10.
    pub burst: u32,
    /// `User-Agent`; empty for [`default_user_agent`].
    pub user_agent: String,
    /// Where requests are counted.
    pub metrics: Option<RestMetrics>,
    /// Is told what the server warns of; without one the log is.
    pub warnings: Option<Arc<dyn WarningHandler>>,
}

/// Takes the warnings that a server sends along with its responses.
pub trait WarningHandler: Send + Sync {
    /// A warning: its text, without quotes and escapes.
    fn warning(&self, text: &str);
}

impl Default for Config {
    fn default() -> Self {
        Self {
            host: "localhost".to_owned(),
            tls: TlsConfig::default(),
            bearer_token: String::new(),
            bearer_token_file: String::new(),
            token_source: None,
            username: String::new(),
            password: String::new(),
            exec: None,
            impersonate: Impersonation::default(),
            proxy_url: String::new(),
            resolver: None,
            http1_only: false,
            compression: false,
            timeout: None,
            qps: 0.0,
            burst: 0,
            user_agent: String::new(),
            metrics: None,
            warnings: None,
        }
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Config")
            .field("host", &self.host)
            .field("server_name", &self.tls.server_name)
            .field("insecure", &self.tls.insecure)
            .field("user_agent", &self.user_agent)
            .finish_non_exhaustive()
    }
}

impl Config {
    /// As programs find their API server: the named kubeconfig; without one the pod they run in.
    ///
    /// # Errors
    /// See [`ConfigError`].
    pub fn from_flags(kubeconfig: Option<&Path>, master: &str) -> Result<Self, ConfigError> {
        if kubeconfig.is_none() && master.is_empty() {
            return in_cluster::config();
        }
        let rules = LoadingRules {
            explicit: kubeconfig.map(Path::to_owned),
            precedence: Vec::new(),
        };
        let overrides = Overrides {
            cluster: kubeconfig::Cluster {
                server: master.to_owned(),
                ..Default::default()
            },
            ..Overrides::default()
        };
        rules.load()?.client_config(&overrides)
    }

    /// The same, as another client of the program: `User-Agent` says which.
    #[must_use]
    pub fn with_user_agent(mut self, name: &str) -> Self {
        self.user_agent = format!("{}/{name}", default_user_agent());
        self
    }

    /// Without credentials: what others may see of it, and the base for a client as somebody else.
    #[must_use]
    pub fn anonymous(&self) -> Self {
        Self {
            tls: TlsConfig {
                cert_file: String::new(),
                cert_data: Vec::new(),
                key_file: String::new(),
                key_data: Vec::new(),
                ..self.tls.clone()
            },
            bearer_token: String::new(),
            bearer_token_file: String::new(),
            token_source: None,
            username: String::new(),
            password: String::new(),
            exec: None,
            impersonate: Impersonation::default(),
            ..self.clone()
        }
    }
}

/// `<program>/v1.36.2 (linux/amd64) kubernetes/<commit>`.
#[must_use]
pub fn default_user_agent() -> String {
    let version = component_base::version::VersionInfo::current();
    let program = std::env::args_os()
        .next()
        .and_then(|path| Some(Path::new(&path).file_name()?.to_string_lossy().into_owned()))
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned());
    let number = version.git_version.split(['-', '+']).next().unwrap_or_default();
    let commit = match version.git_commit.get(..7) {
        Some(short) => short,
        None if version.git_commit.is_empty() => "unknown",
        None => &version.git_commit,
    };
    format!("{program}/{number} ({}) kubernetes/{commit}", version.platform)
}

#[cfg(test)]
mod tests;
