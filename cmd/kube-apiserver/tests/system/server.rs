//! A kube-apiserver of its own, in a directory of its own.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use client_go::{Client, Config, config::TlsConfig};
use http::Method;

pub(crate) const TOKEN: &str = "probe-token";
const PATIENCE: Duration = Duration::from_secs(60);

/// A running program; it is killed when it is dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("an address").port()
}

fn write(directory: &Path, name: &str, content: &str) -> String {
    let path = directory.join(name);
    fs::write(&path, content).expect("a file");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
    path.display().to_string()
}

impl Server {
    /// Starts the program over what `directory` holds and waits until it is ready.
    pub(crate) async fn start(directory: &Path, more: &[String]) -> Self {
        let path = |name: &str| directory.join(name).display().to_string();
        let tokens = write(
            directory,
            "tokens.csv",
            &format!("{TOKEN},admin,admin,system:masters\n"),
        );
        if !directory.join("sa.key").exists() {
            let key = rcgen::KeyPair::generate().expect("a key");
            write(directory, "sa.key", &key.serialize_pem());
            write(directory, "sa.pub", &key.public_key_pem());
        }
        let port = free_port();
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(path("log"))
            .expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_kube-apiserver"));
        for (name, value) in [
            ("cert-dir", path("certs")),
            ("bind-address", "127.0.0.1".to_owned()),
            ("secure-port", port.to_string()),
            ("token-auth-file", tokens),
            ("authorization-mode", "Node,RBAC".to_owned()),
            ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
            ("service-account-key-file", path("sa.pub")),
            ("service-account-signing-key-file", path("sa.key")),
        ] {
            command.arg(format!("--{name}={value}"));
        }
        command.args(more).stdin(Stdio::null());
        command.stdout(log.try_clone().expect("a log")).stderr(log);
        let process = command.spawn().expect("the program starts");
        let mut server = Self { process, port };
        server.wait_ready(directory).await;
        server
    }

    async fn wait_ready(&mut self, directory: &Path) {
        let client = self.client();
        let begun = Instant::now();
        while client
            .request(Method::GET, "/readyz")
            .max_retries(0)
            .send()
            .await
            .is_err()
        {
            let ended = self.process.try_wait().expect("the state of the program");
            let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
            assert!(ended.is_none(), "the program ended: {ended:?}\n{}", log());
            assert!(begun.elapsed() < PATIENCE, "not ready in time:\n{}", log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// A client without limits.
    pub(crate) fn client(&self) -> Client {
        let config = Config {
            host: format!("https://127.0.0.1:{}", self.port),
            tls: TlsConfig {
                insecure: true,
                ..TlsConfig::default()
            },
            bearer_token: TOKEN.to_owned(),
            qps: -1.0,
            timeout: Some(Duration::from_secs(30)),
            ..Config::default()
        };
        Client::new(&config).expect("a client")
    }

    /// SIGKILL, and waits until the process is gone.
    pub(crate) fn kill(&mut self) {
        // A process that has ended already cannot be killed, which is as well.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
