//! An API server that runs, with or without etcd, and what every scenario may ask of it.

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use client_go::Client;
use http::Method;
use perf::{
    pod,
    process::{Program, client_config, flags, free_port, last_lines},
    usage::{Memory, cpu_of_process, memory_of_process},
};
use serde_json::{Value, json};

use crate::{Failure, load};

/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a server that starts is asked whether it is ready.
const PROBE: Duration = Duration::from_millis(2);

const ADMINISTRATOR: &str = "administrator-token";
const USER: &str = "user-token";
/// Where pods lie.
pub(crate) const PODS: &str = "/api/v1/namespaces/default/pods";

/// What is to be measured.
#[derive(Debug)]
pub(crate) struct Setup {
    pub(crate) program: PathBuf,
    pub(crate) etcd: bool,
}

/// A server that runs.
pub(crate) struct Cluster {
    setup: Setup,
    /// Of a user who may do everything by RBAC.
    pub(crate) client: Client,
    /// How long the server took from its start to `/readyz`.
    pub(crate) ready_after: Duration,
    /// How many pods lists are measured with.
    pub(crate) pods: usize,
    populated: bool,
    port: u16,
    server: Program,
    etcd: Option<Program>,
    /// Last, so that it goes after the programs.
    directory: tempfile::TempDir,
}

impl Cluster {
    /// Starts the server, and etcd before it, and makes what pods need.
    pub(crate) async fn start(setup: Setup, pods: usize) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let (etcd, store) = if setup.etcd {
            let (program, address) = start_etcd(directory.path()).await?;
            (Some(program), format!("--etcd-servers={address}"))
        } else {
            (None, format!("--data-dir={}", directory.path().join("store").display()))
        };
        let port = free_port()?;
        let mut arguments = arguments(directory.path(), port)?;
        arguments.push(store);
        let administrator = Client::new(&client_config(port, ADMINISTRATOR))?;
        let begun = Instant::now();
        let log = directory.path().join("kube-apiserver.log");
        let mut server = Program::start(&setup.program, &log, &arguments)?;
        ready(&administrator, &mut server, &log).await?;
        let ready_after = begun.elapsed();
        prepare(&administrator).await?;
        Ok(Self {
            client: Client::new(&client_config(port, USER))?,
            setup,
            ready_after,
            pods,
            populated: false,
            port,
            server,
            etcd,
            directory,
        })
    }

    /// The server's program.
    pub(crate) fn name(&self) -> String {
        let store = if self.setup.etcd { " on etcd" } else { "" };
        format!("{}{store}", self.setup.program.display())
    }

    /// Another client with connections of its own.
    pub(crate) fn another_client(&self) -> Result<Client, Failure> {
        Ok(Client::new(&client_config(self.port, USER))?)
    }

    /// Processor seconds of the server and its store until now.
    pub(crate) fn cpu(&self) -> f64 {
        let store = self.etcd.as_ref().map_or(0.0, |etcd| cpu_of_process(etcd.id()));
        cpu_of_process(self.server.id()) + store
    }

    /// What the server holds in memory; the store not included.
    pub(crate) fn memory(&self) -> Memory {
        memory_of_process(self.server.id())
    }

    /// Makes the pods that lists are measured with, unless they are there.
    pub(crate) async fn populate(&mut self) -> Result<(), Failure> {
        if !self.populated {
            load::run(self.pods, |number| self.create("pod", number)).await?;
            self.populated = true;
        }
        Ok(())
    }

    /// A scenario has made them.
    pub(crate) fn is_populated(&mut self) {
        self.populated = true;
    }

    /// Creates a pod.
    pub(crate) async fn create(&self, prefix: &str, number: usize) -> Result<(), Failure> {
        let pod = pod::of_chart(&format!("{prefix}-{number}"), number);
        let request = self.client.request(Method::POST, PODS);
        request.body("application/json", pod.to_string()).send().await?;
        Ok(())
    }

    /// An error, with what the server said last.
    pub(crate) fn explain(&self, error: Failure) -> Failure {
        let log = last_lines(&self.directory.path().join("kube-apiserver.log"), 5);
        Failure::NotReady {
            program: self.name(),
            log: format!("{error}\n{log}"),
        }
    }
}

async fn start_etcd(directory: &Path) -> Result<(Program, String), Failure> {
    let (client, peer) = (free_port()?, free_port()?);
    let (client, peer) = (format!("http://127.0.0.1:{client}"), format!("http://127.0.0.1:{peer}"));
    let arguments = flags([
        ("data-dir", directory.join("etcd").display().to_string()),
        ("listen-client-urls", client.clone()),
        ("advertise-client-urls", client.clone()),
        ("listen-peer-urls", peer.clone()),
        ("initial-advertise-peer-urls", peer.clone()),
        ("initial-cluster", format!("default={peer}")),
        ("quota-backend-bytes", (8_u64 << 30).to_string()),
    ]);
    let log = directory.join("etcd.log");
    let mut program = Program::start(Path::new("etcd"), &log, &arguments)?;
    let address = client.trim_start_matches("http://").to_owned();
    let until = Instant::now() + PATIENCE;
    while tokio::net::TcpStream::connect(&address).await.is_err() {
        if program.has_ended() || Instant::now() > until {
            let log = last_lines(&log, 5);
            return Err(Failure::NotReady {
                program: "etcd".to_owned(),
                log,
            });
        }
        tokio::time::sleep(PROBE).await;
    }
    Ok((program, client))
}

/// The server's flags, without its store.
fn arguments(directory: &Path, port: u16) -> Result<Vec<String>, Failure> {
    let path = |name: &str| directory.join(name);
    let text = |name: &str| path(name).display().to_string();
    let key = rcgen::KeyPair::generate()?;
    fs::write(path("accounts.key"), key.serialize_pem())?;
    fs::write(path("accounts.pub"), key.public_key_pem())?;
    let tokens = format!("{ADMINISTRATOR},administrator,administrator,system:masters\n{USER},user,user\n");
    fs::write(path("tokens.csv"), tokens)?;
    Ok(flags([
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", port.to_string()),
        ("cert-dir", text("certificates")),
        ("token-auth-file", text("tokens.csv")),
        ("authorization-mode", "Node,RBAC".to_owned()),
        ("service-cluster-ip-range", "10.0.0.0/24".to_owned()),
        ("service-account-issuer", "https://kubernetes.default.svc".to_owned()),
        ("service-account-key-file", text("accounts.pub")),
        ("service-account-signing-key-file", text("accounts.key")),
    ]))
}

async fn ready(client: &Client, server: &mut Program, log: &Path) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        let request = client.request(Method::GET, "/readyz").max_retries(0);
        if request.send().await.is_ok() {
            return Ok(());
        }
        if server.has_ended() || Instant::now() > until {
            return Err(Failure::NotReady {
                program: "kube-apiserver".to_owned(),
                log: last_lines(log, 5),
            });
        }
        tokio::time::sleep(PROBE).await;
    }
}

/// What a cluster has before pods come: the user's role, and the service account of pods.
async fn prepare(administrator: &Client) -> Result<(), Failure> {
    let binding = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
        "metadata": {"name": "user"}, "subjects": [{"kind": "User", "name": "user", "apiGroup": "rbac.authorization.k8s.io"}],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"}});
    let account = json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}});
    let objects: [(&str, Value); 2] = [
        ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", binding),
        ("/api/v1/namespaces/default/serviceaccounts", account),
    ];
    for (path, object) in objects {
        let request = administrator.request(Method::POST, path);
        match request.body("application/json", object.to_string()).send().await {
            Err(error) if !error.is_already_exists() => return Err(error.into()),
            _ => {}
        }
    }
    Ok(())
}
