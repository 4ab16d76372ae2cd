//! The backends under test, each started fresh in a temporary directory.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use apiserver_storage::Storage;
use apiserver_storage::embedded::{Embedded, EmbeddedOptions};
use apiserver_storage::etcd3::{Etcd3, Etcd3Options};
use tempfile::TempDir;

/// A store for one case.
pub(crate) trait Backend: Sized {
    /// Starts it, empty.
    async fn start() -> Self;

    /// The store.
    fn storage(&self) -> Arc<dyn Storage>;

    /// Ends it.
    async fn stop(self);
}

/// The embedded store.
pub(crate) struct EmbeddedBackend {
    storage: Arc<Embedded>,
    _directory: TempDir,
}

impl EmbeddedBackend {
    /// One that makes a checkpoint as soon as the last one has ended, so that its data is now here, now there.
    pub(crate) async fn start_restless() -> Self {
        Self::start_with(EmbeddedOptions {
            checkpoint_size: 1,
            ..EmbeddedOptions::default()
        })
    }

    fn start_with(options: EmbeddedOptions) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("data");
        let storage = Embedded::open(&path, options).expect("a fresh store opens");
        Self {
            storage: Arc::new(storage),
            _directory: directory,
        }
    }
}

impl Backend for EmbeddedBackend {
    async fn start() -> Self {
        Self::start_with(EmbeddedOptions::default())
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage) as Arc<dyn Storage>
    }

    async fn stop(self) {
        self.storage.close().await;
    }
}

/// A real etcd of one member.
pub(crate) struct Etcd3Backend {
    storage: Arc<Etcd3>,
    server: EtcdServer,
}

impl Etcd3Backend {
    /// The store, by its own type.
    pub(crate) fn etcd3(&self) -> Arc<Etcd3> {
        Arc::clone(&self.storage)
    }

    /// Where the server is.
    pub(crate) fn endpoint(&self) -> &str {
        &self.server.endpoint
    }

    /// Kills the server and starts it again.
    pub(crate) fn restart(&mut self) {
        self.server.restart();
    }
}

impl Backend for Etcd3Backend {
    async fn start() -> Self {
        let server = EtcdServer::start();
        let mut options = Etcd3Options::new([server.endpoint.clone()]);
        options.request_timeout = Duration::from_secs(20);
        let storage = Etcd3::connect(options).await.expect("the options are sound");
        storage.health().await.expect("etcd answers");
        Self {
            storage: Arc::new(storage),
            server,
        }
    }

    fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage) as Arc<dyn Storage>
    }

    async fn stop(self) {
        self.storage.close().await;
    }
}

/// The process of an etcd; killed when dropped.
pub(crate) struct EtcdServer {
    child: Child,
    arguments: Vec<String>,
    /// Where clients reach it.
    pub(crate) endpoint: String,
    _directory: TempDir,
}

impl EtcdServer {
    fn start() -> Self {
        Self::start_with("http", &[])
    }

    /// Starts one that serves over TLS, and wants a certificate of the same authority from its clients.
    pub(crate) fn start_with_tls(ca: &Path, certificate: &Path, key: &Path) -> Self {
        let [ca, certificate, key] = [ca, certificate, key].map(|file| file.display().to_string());
        let arguments = [
            "--client-cert-auth",
            "--trusted-ca-file",
            &ca,
            "--cert-file",
            &certificate,
            "--key-file",
            &key,
        ];
        Self::start_with("https", &arguments)
    }

    fn start_with(scheme: &str, more: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Both ports are held until both are known, so that they differ.
        let ports = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let [client, peer] = ports.map(|port| port.local_addr().expect("a bound socket has an address"));
        let (client, peer) = (format!("{scheme}://{client}"), format!("http://{peer}"));
        let data = directory.path().display().to_string();
        let cluster = format!("default={peer}");
        let own = [
            ["--data-dir", &data],
            ["--listen-client-urls", &client],
            ["--advertise-client-urls", &client],
            ["--listen-peer-urls", &peer],
            ["--initial-advertise-peer-urls", &peer],
            ["--initial-cluster", &cluster],
            ["--heartbeat-interval", "10"],
            ["--election-timeout", "100"],
        ];
        let arguments: Vec<String> = own
            .concat()
            .iter()
            .chain(more)
            .map(|argument| (*argument).to_owned())
            .collect();
        Self {
            child: spawn(&arguments),
            arguments,
            endpoint: client,
            _directory: directory,
        }
    }

    /// Kills it and starts it again on the same data.
    fn restart(&mut self) {
        self.stop();
        self.child = spawn(&self.arguments);
    }

    fn stop(&mut self) {
        // It is gone already if it could not start, which the test has noticed.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn spawn(arguments: &[String]) -> Child {
    Command::new("etcd")
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start etcd ({error}): install the package etcd-server"))
}

impl Drop for EtcdServer {
    fn drop(&mut self) {
        self.stop();
    }
}
