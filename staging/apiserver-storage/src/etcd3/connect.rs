//! Connecting to etcd: endpoints, TLS, and what the members' versions allow.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, Identity, TlsOptions};
use tokio_util::sync::CancellationToken;

use super::error::Failure;
use super::lease::{LeaseOptions, Leases};
use super::{Etcd3, Shared};
use crate::{Error, Result};

/// Upstream's figures for noticing a dead member.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// The members' versions are asked for again so often: one may be replaced by an older or newer one.
const VERSION_INTERVAL: Duration = Duration::from_secs(600);
/// The pause before asking a member that did not answer doubles between these.
const VERSION_BACKOFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(15));

/// How an etcd cluster is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Etcd3Options {
    /// `--etcd-servers`: `scheme://host:port` of each member.
    pub endpoints: Vec<String>,
    /// `--etcd-prefix`. Names the key that health checks read; the store itself does not prepend it.
    pub prefix: String,
    /// `--etcd-cafile`: the authorities that sign the members' certificates; the system's if absent.
    pub ca_file: Option<PathBuf>,
    /// `--etcd-certfile`: our certificate.
    pub cert_file: Option<PathBuf>,
    /// `--etcd-keyfile`: its key.
    pub key_file: Option<PathBuf>,
    /// The deadline of a request. Default 30 seconds.
    pub request_timeout: Duration,
    /// How leases are shared between keys.
    pub leases: LeaseOptions,
}

impl Etcd3Options {
    /// The defaults, for these endpoints.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            prefix: "/registry".to_owned(),
            ca_file: None,
            cert_file: None,
            key_file: None,
            request_timeout: Duration::from_secs(30),
            leases: LeaseOptions::default(),
        }
    }

    fn connect_options(&self) -> Result<ConnectOptions> {
        let mut options = ConnectOptions::new()
            .with_keep_alive(KEEP_ALIVE.0, KEEP_ALIVE.1)
            .with_keep_alive_while_idle(true)
            .with_connect_timeout(CONNECT_TIMEOUT)
            .with_require_leader(true);
        if self.ca_file.is_some() || self.cert_file.is_some() || self.key_file.is_some() || self.uses_https() {
            options = options.with_tls(self.tls()?);
        }
        Ok(options)
    }

    fn uses_https(&self) -> bool {
        self.endpoints.iter().any(|endpoint| endpoint.starts_with("https://"))
    }

    fn tls(&self) -> Result<TlsOptions> {
        let mut tls = match &self.ca_file {
            Some(file) => TlsOptions::new().ca_certificate(Certificate::from_pem(read(file)?)),
            None => TlsOptions::new().with_native_roots(),
        };
        match (&self.cert_file, &self.key_file) {
            (Some(cert), Some(key)) => tls = tls.identity(Identity::from_pem(read(cert)?, read(key)?)),
            (None, None) => {}
            _ => {
                let message = "etcd client certificate and key must be given together";
                return Err(Error::Invalid(message.to_owned()));
            }
        }
        Ok(tls)
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(Error::io(format!("cannot read {}", file.display())))
}

/// The canonical form of `--etcd-prefix`: one slash before each part, none at the end. Keys are composed of it and a path that begins with a slash.
#[must_use]
pub fn normalize_prefix(prefix: &str) -> String {
    let parts = prefix.split('/').filter(|part| !part.is_empty());
    parts.fold(String::new(), |prefix, part| prefix + "/" + part)
}

impl Etcd3 {
    /// A store on the cluster. Does not wait for etcd: requests wait for the connection, up to their deadline.
    ///
    /// # Errors
    /// [`Error::Invalid`] for endpoints or TLS options that make no sense, [`Error::Io`] for files that cannot be read.
    pub async fn connect(options: Etcd3Options) -> Result<Self> {
        let connect_options = options.connect_options()?;
        let client = open(&options.endpoints, &connect_options).await?;
        let shared = Arc::new(Shared {
            client,
            request_timeout: options.request_timeout,
            reliable_progress: AtomicBool::new(false),
            compact_revision: AtomicU64::new(0),
            closed: CancellationToken::new(),
        });
        let mut members = Vec::with_capacity(options.endpoints.len());
        for endpoint in &options.endpoints {
            members.push(open(std::slice::from_ref(endpoint), &connect_options).await?);
        }
        tokio::spawn(follow_versions(members, Arc::clone(&shared)));
        let health_key = format!("{}/health", normalize_prefix(&options.prefix));
        Ok(Self {
            shared,
            leases: Leases::new(options.leases),
            health_key,
            options,
        })
    }
}

async fn open(endpoints: &[String], options: &ConnectOptions) -> Result<Client> {
    Client::connect(endpoints, Some(options.clone()))
        .await
        .map_err(|error| match error {
            etcd_client::Error::InvalidUri(error) => Error::Invalid(format!("etcd endpoint: {error}")),
            etcd_client::Error::TransportError(error) => Error::Invalid(format!("etcd endpoint: {error}")),
            error => Failure::of(error).into_error(),
        })
}

/// Keeps up with what the members' versions allow, until the store is closed.
async fn follow_versions(members: Vec<Client>, shared: Arc<Shared>) {
    let closed = shared.closed.clone();
    let follow = async {
        loop {
            let mut reliable = true;
            for member in &members {
                let version = version(member).await;
                if !reliable_progress(&version) {
                    reliable = false;
                    tracing::info!(
                        version,
                        "etcd's progress notifications are not reliable in this version"
                    );
                }
            }
            shared.reliable_progress.store(reliable, Ordering::Relaxed);
            tokio::time::sleep(VERSION_INTERVAL).await;
        }
    };
    tokio::select! {
        () = follow => {}
        () = closed.cancelled() => {}
    }
}

/// A member's version, asked for until it answers.
async fn version(member: &Client) -> String {
    let mut pause = VERSION_BACKOFF.0;
    loop {
        match member.maintenance_client().status().await {
            Ok(status) => return status.version().to_owned(),
            Err(error) => {
                tracing::debug!(%error, "cannot ask etcd for its version");
                tokio::time::sleep(pause).await;
                pause = (pause * 2).min(VERSION_BACKOFF.1);
            }
        }
    }
}

/// Whether progress notifications of this version never run ahead of events: from 3.4.31, and from 3.5.13.
/// A version that cannot be read is not trusted.
fn reliable_progress(version: &str) -> bool {
    let mut parts = version.split(['.', '-', '+']).map(|part| part.parse::<u32>().ok());
    let (Some(Some(major)), Some(Some(minor)), Some(Some(patch))) = (parts.next(), parts.next(), parts.next()) else {
        return false;
    };
    match (major, minor) {
        (3, 4) => patch >= 31,
        (3, 5) => patch >= 13,
        _ => (major, minor) > (3, 5),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_trusted_by_version() {
        let cases = [
            ("3.3.27", false),
            ("3.4.23", false),
            ("3.4.30", false),
            ("3.4.31", true),
            ("3.5.0", false),
            ("3.5.12", false),
            ("3.5.13", true),
            ("3.5.13-rc.1", true),
            ("3.6.0", true),
            ("4.0.0", true),
            ("", false),
            ("3.5", false),
            ("unknown", false),
        ];
        for (version, expected) in cases {
            assert_eq!(reliable_progress(version), expected, "{version}");
        }
    }

    #[test]
    fn prefixes_are_normalized() {
        let cases = [
            ("/registry", "/registry"),
            ("registry", "/registry"),
            ("/a//b/", "/a/b"),
            ("/", ""),
            ("", ""),
        ];
        for (prefix, expected) in cases {
            assert_eq!(normalize_prefix(prefix), expected, "{prefix}");
        }
    }

    #[tokio::test]
    async fn half_a_client_certificate_is_refused() {
        let mut options = Etcd3Options::new(["https://127.0.0.1:1"]);
        options.key_file = Some("/nonexistent".into());
        let error = Etcd3::connect(options).await.expect_err("a key without a certificate");
        assert_eq!(
            error.to_string(),
            "invalid storage request: etcd client certificate and key must be given together"
        );
    }

    #[tokio::test]
    async fn a_missing_authority_file_is_named() {
        let mut options = Etcd3Options::new(["https://127.0.0.1:1"]);
        options.ca_file = Some("/nonexistent/ca.crt".into());
        let error = Etcd3::connect(options).await.expect_err("no such file");
        assert_eq!(error.to_string(), "cannot read /nonexistent/ca.crt");
    }
}
