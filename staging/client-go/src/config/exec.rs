//! Programs that give credentials: `client.authentication.k8s.io` v1 and v1beta1 (upstream: `plugin/pkg/client/auth/exec`).
//!
//! The answer is kept until it expires or the server refuses it; however many requests wait, the program runs once. Its
//! standard error is ours.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use k8s_api::primitives::{Time, quote};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::{Config, ExecProvider};
use crate::rest::metrics::RestMetrics;

/// The current version.
pub const V1: &str = "client.authentication.k8s.io/v1";
/// The version before it, which clients still speak.
pub const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// The variable that tells the program what is asked of it.
const INFO_VARIABLE: &str = "KUBERNETES_EXEC_INFO";

/// Why a program gave no credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExecError {
    /// The kubeconfig names a version there is not.
    #[error("exec plugin: invalid apiVersion {}", quote(.0))]
    ApiVersion(String),
    /// The program must read standard input and cannot.
    #[error("exec plugin cannot support interactive mode: {0}")]
    NotInteractive(String),
    /// There is no such program; the text may carry the kubeconfig's advice.
    #[error("{0}")]
    NotFound(String),
    /// The program failed.
    #[error("exec: executable {command} failed with exit code {code}")]
    Failed {
        /// The program.
        command: String,
        /// Its exit code, or -1 if a signal ended it.
        code: i32,
    },
    /// The program could not be run.
    #[error("exec: {0}")]
    Run(String),
    /// What it printed is no `ExecCredential`.
    #[error("decoding stdout: {0}")]
    Decode(String),
    /// It answered in another version.
    #[error("exec plugin is configured to use API version {wanted}, plugin returned version {got}")]
    OtherVersion {
        /// The version in the kubeconfig.
        wanted: String,
        /// The version in the answer.
        got: String,
    },
    /// The answer lacks something.
    #[error("{0}")]
    Incomplete(&'static str),
}

/// What a program gave.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// A bearer token; may be empty.
    pub token: String,
    /// A certificate chain and its key, both PEM.
    pub certificate: Option<(String, String)>,
    /// Until when it is good.
    pub expires: Option<Time>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Credentials")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    kind: &'static str,
    api_version: &'a str,
    spec: Spec<'a>,
}

#[derive(Serialize)]
struct Spec<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a ClusterInfo>,
    interactive: bool,
}

/// What a program is told of the cluster.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct ClusterInfo {
    server: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    tls_server_name: String,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    insecure_skip_tls_verify: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    certificate_authority_data: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    proxy_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    config: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    api_version: String,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct Status {
    expiration_timestamp: Option<Time>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs one program and keeps its answer.
pub struct Authenticator {
    provider: ExecProvider,
    cluster: Option<ClusterInfo>,
    metrics: Option<RestMetrics>,
    cached: Mutex<Option<Arc<Credentials>>>,
    failures: AtomicU64,
}

impl Authenticator {
    /// An authenticator for the program that `config` names, if it names one.
    ///
    /// # Errors
    /// The version is unknown, or the authorities that the program is to be told of cannot be read.
    pub fn new(config: &Config) -> Result<Option<Self>, ExecError> {
        let Some(provider) = config.exec.clone() else {
            return Ok(None);
        };
        if !matches!(provider.exec.api_version.as_str(), V1 | V1BETA1) {
            return Err(ExecError::ApiVersion(provider.exec.api_version));
        }
        let cluster = if provider.exec.provide_cluster_info {
            let mut ca = config.tls.ca_data.clone();
            if ca.is_empty() && !config.tls.ca_file.is_empty() {
                ca = std::fs::read(&config.tls.ca_file)
                    .map_err(|error| ExecError::Run(format!("failed to load CA bundle for execProvider: {error}")))?;
            }
            Some(ClusterInfo {
                server: config.host.clone(),
                tls_server_name: config.tls.server_name.clone(),
                insecure_skip_tls_verify: config.tls.insecure,
                certificate_authority_data: base64::engine::general_purpose::STANDARD.encode(ca),
                proxy_url: config.proxy_url.clone(),
                config: provider.cluster_config.clone(),
            })
        } else {
            None
        };
        Ok(Some(Self {
            provider,
            cluster,
            metrics: config.metrics.clone(),
            cached: Mutex::new(None),
            failures: AtomicU64::new(0),
        }))
    }

    /// The present credentials; runs the program if there are none or they have expired.
    ///
    /// # Errors
    /// See [`ExecError`].
    pub async fn credentials(&self) -> Result<Arc<Credentials>, ExecError> {
        let mut cached = self.cached.lock().await;
        if let Some(credentials) = &*cached
            && credentials.expires.is_none_or(|end| Time::now() <= end)
        {
            return Ok(credentials.clone());
        }
        self.run_into(&mut cached).await
    }

    /// Runs the program again after the server has refused `used`, unless somebody else did so already.
    ///
    /// # Errors
    /// See [`ExecError`].
    pub async fn refresh(&self, used: &Arc<Credentials>) -> Result<(), ExecError> {
        let mut cached = self.cached.lock().await;
        if cached.as_ref().is_some_and(|present| Arc::ptr_eq(present, used)) {
            self.run_into(&mut cached).await?;
        }
        Ok(())
    }

    async fn run_into(&self, cached: &mut Option<Arc<Credentials>>) -> Result<Arc<Credentials>, ExecError> {
        let fresh = Arc::new(self.run().await?);
        *cached = Some(fresh.clone());
        Ok(fresh)
    }

    fn interactive(&self) -> Result<bool, ExecError> {
        use std::io::IsTerminal as _;
        let terminal = std::io::stdin().is_terminal();
        let unavailable = self.provider.stdin_unavailable.as_deref();
        match self.provider.exec.interactive_mode.as_str() {
            "Never" => Ok(false),
            "IfAvailable" => Ok(terminal && unavailable.is_none()),
            "Always" if !terminal => Err(ExecError::NotInteractive("standard input is not a terminal".to_owned())),
            "Always" => match unavailable {
                None => Ok(true),
                Some("") => Err(ExecError::NotInteractive("standard input is unavailable".to_owned())),
                Some(why) => Err(ExecError::NotInteractive(format!(
                    "standard input is unavailable: {why}"
                ))),
            },
            other => Err(ExecError::NotInteractive(format!(
                "unknown interactiveMode: {}",
                quote(other)
            ))),
        }
    }

    async fn run(&self) -> Result<Credentials, ExecError> {
        let exec = &self.provider.exec;
        let interactive = self.interactive()?;
        let request = Request {
            kind: "ExecCredential",
            api_version: &exec.api_version,
            spec: Spec {
                cluster: self.cluster.as_ref(),
                interactive,
            },
        };
        let info = serde_json::to_string(&request).expect("the request encodes as JSON");
        let mut command = Command::new(&exec.command);
        command
            .args(&exec.args)
            .envs(exec.env.iter().map(|variable| (&variable.name, &variable.value)))
            .env(INFO_VARIABLE, info)
            .stdin(if interactive { Stdio::inherit() } else { Stdio::null() })
            .stderr(Stdio::inherit())
            .kill_on_drop(true);
        let output = match command.output().await {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.count("plugin_not_found_error", 1);
                return Err(ExecError::NotFound(self.not_found()));
            }
            Err(error) => {
                self.count("client_internal_error", 1);
                return Err(ExecError::Run(error.to_string()));
            }
        };
        if !output.status.success() {
            let code = output.status.code().unwrap_or(-1);
            self.count("plugin_execution_error", code);
            return Err(ExecError::Failed {
                command: exec.command.clone(),
                code,
            });
        }
        self.count("no_error", 0);
        decode(&exec.api_version, &output.stdout)
    }

    fn count(&self, status: &str, code: i32) {
        if let Some(metrics) = &self.metrics {
            metrics.exec_plugin_calls.with(&[&code.to_string(), status]).inc();
        }
    }

    fn not_found(&self) -> String {
        let mut text = format!("exec: executable {} not found", self.provider.exec.command);
        // The advice is long; once in ten failures is enough.
        if self.failures.fetch_add(1, Ordering::Relaxed).is_multiple_of(10) {
            text.push_str(
                "\n\nIt looks like you are trying to use a client-go credential plugin that is not installed.\n\nTo learn \
                 more about this feature, consult the documentation available at:\n      \
                 https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins",
            );
            if !self.provider.exec.install_hint.is_empty() {
                text.push_str("\n\n");
                text.extend(self.provider.exec.install_hint.chars().map(visible));
            }
        }
        text
    }
}

/// A kubeconfig may come from anywhere; its text must not drive the terminal.
fn visible(character: char) -> char {
    if character.is_control() && !character.is_whitespace() {
        '\u{fffd}'
    } else {
        character
    }
}

fn decode(wanted: &str, output: &[u8]) -> Result<Credentials, ExecError> {
    let answer: Answer = serde_json::from_slice(output).map_err(|error| ExecError::Decode(error.to_string()))?;
    if answer.kind != "ExecCredential" {
        let (kind, version) = (quote(&answer.kind), quote(&answer.api_version));
        return Err(ExecError::Decode(format!(
            "no kind {kind} is registered for version {version}"
        )));
    }
    if answer.api_version != wanted {
        return Err(ExecError::OtherVersion {
            wanted: wanted.to_owned(),
            got: answer.api_version,
        });
    }
    let status = answer
        .status
        .ok_or(ExecError::Incomplete("exec plugin didn't return a status field"))?;
    let token = status.token.unwrap_or_default();
    let certificate = status.client_certificate_data.filter(|text| !text.is_empty());
    let key = status.client_key_data.filter(|text| !text.is_empty());
    if token.is_empty() && certificate.is_none() && key.is_none() {
        return Err(ExecError::Incomplete(
            "exec plugin didn't return a token or cert/key pair",
        ));
    }
    let certificate = match (certificate, key) {
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (None, None) => None,
        _ => {
            return Err(ExecError::Incomplete(
                "exec plugin returned only certificate or key, not both",
            ));
        }
    };
    Ok(Credentials {
        token,
        certificate,
        expires: status.expiration_timestamp,
    })
}
