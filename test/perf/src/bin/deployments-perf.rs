//! How long Deployments take until all of their pods are there, on a cluster without kubelets, and what that costs.
//!
//! usage: `deployments-perf DIR [--pods N] [--replicas N] [--qps N]`
//!
//! Runs `kube-apiserver` and `kube-controller-manager` of DIR. Deployments of `--replicas` pods each (500) are scaled up from
//! nothing to `--pods` pods (5,000) together, and down to nothing again. `--qps` is the manager's `--kube-api-qps`, with twice
//! as much for bursts; without it the manager keeps to its default, 20 and 30 requests a second.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client_go::Client;
use client_go::api::{ListOptions, Patch};
use k8s_api::Kind as _;
use k8s_api::apps::v1::Deployment;
use k8s_api::core::v1::{Node, Pod, ServiceAccount};
use perf::process::{Program, client_config, flags, free_port, last_lines};
use perf::usage::{cpu_of_process, memory_of_process};
use serde_json::json;

type Failure = Box<dyn Error + Send + Sync>;

const TOKEN: &str = "deployments-perf";
const NAMESPACE: &str = "default";
/// How long a program may take to start.
const START: Duration = Duration::from_secs(60);
/// How long it may take until there is one pod more, or fewer.
const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

struct Arguments {
    programs: PathBuf,
    pods: usize,
    replicas: usize,
    qps: Option<usize>,
}

fn arguments() -> Option<Arguments> {
    let mut given = std::env::args().skip(1);
    let mut arguments = Arguments {
        programs: given.next()?.into(),
        pods: 5000,
        replicas: 500,
        qps: None,
    };
    while let Some(flag) = given.next() {
        let number = given.next()?.parse().ok().filter(|number| *number > 0)?;
        match flag.as_str() {
            "--pods" => arguments.pods = number,
            "--replicas" => arguments.replicas = number,
            "--qps" => arguments.qps = Some(number),
            _ => return None,
        }
    }
    Some(arguments)
}

/// The two programs, and what they use.
struct Cluster {
    client: Client,
    manager: Program,
    server: Program,
    /// Last, so that it goes after the programs.
    directory: tempfile::TempDir,
}

impl Cluster {
    async fn start(arguments: &Arguments) -> Result<Self, Failure> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let text = |name: &str| path(name).display().to_string();
        let port = free_port()?;
        fs::write(path("tokens.csv"), format!("{TOKEN},admin,admin,system:masters\n"))?;
        let of_server = flags([
            ("data-dir", text("data")),
            ("cert-dir", text("certs")),
            ("bind-address", "127.0.0.1".to_owned()),
            ("secure-port", port.to_string()),
            ("token-auth-file", text("tokens.csv")),
        ]);
        let log = path("kube-apiserver.log");
        let server = Program::start(&arguments.programs.join("kube-apiserver"), &log, &of_server)?;
        let client = Client::new(&client_config(port, TOKEN))?;
        let list = || async { client.all::<Node>().list(&ListOptions::default()).await.is_ok() };
        wait(START, &log, list).await?;
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "perf",
            "clusters": [{"name": "perf", "cluster": {
                "server": client_config(port, TOKEN).host, "insecure-skip-tls-verify": true}}],
            "users": [{"name": "perf", "user": {"token": TOKEN}}],
            "contexts": [{"name": "perf", "context": {"cluster": "perf", "user": "perf"}}],
        });
        fs::write(path("kubeconfig"), kubeconfig.to_string())?;
        let mut of_manager = flags([
            ("kubeconfig", text("kubeconfig")),
            ("leader-elect", "false".to_owned()),
            ("secure-port", "0".to_owned()),
        ]);
        if let Some(qps) = arguments.qps {
            of_manager.push(format!("--kube-api-qps={qps}"));
            of_manager.push(format!("--kube-api-burst={}", qps * 2));
        }
        let log = path("kube-controller-manager.log");
        let program = arguments.programs.join("kube-controller-manager");
        let manager = Program::start(&program, &log, &of_manager)?;
        // The account that pods run as: the manager is at work then.
        let account = || async {
            client
                .namespaced::<ServiceAccount>(NAMESPACE)
                .get("default")
                .await
                .is_ok()
        };
        wait(START, &log, account).await?;
        Ok(Self {
            client,
            manager,
            server,
            directory,
        })
    }

    fn cpu(&self) -> [f64; 2] {
        [&self.server, &self.manager].map(|program| cpu_of_process(program.id()))
    }

    /// Scales all Deployments and waits until there are so many pods.
    async fn scale(&self, names: &[String], replicas: usize) -> Result<(), Failure> {
        let deployments = self.client.namespaced::<Deployment>(NAMESPACE);
        for name in names {
            deployments
                .patch(name, &Patch::Merge(json!({"spec": {"replicas": replicas}})))
                .await?;
        }
        let wanted = names.len() * replicas;
        let (mut before, mut changed) = (None, Instant::now());
        loop {
            let pods = self.pods().await?;
            if pods == wanted {
                return Ok(());
            }
            if before != Some(pods) {
                (before, changed) = (Some(pods), Instant::now());
            }
            if changed.elapsed() > PATIENCE {
                let log = self.directory.path().join("kube-controller-manager.log");
                return Err(format!("there are {pods} pods and not {wanted}\n{}", last_lines(&log, 5)).into());
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// How many pods there are, without reading them.
    async fn pods(&self) -> Result<usize, Failure> {
        let page = ListOptions {
            limit: Some(1),
            ..ListOptions::default()
        };
        let list = self.client.namespaced::<Pod>(NAMESPACE).list(&page).await?;
        let further = usize::try_from(list.metadata.remaining_item_count.unwrap_or(0))?;
        Ok(list.items.len() + further)
    }

    #[allow(clippy::print_stdout, reason = "the figures are the output")]
    async fn measure(&self, what: &str, names: &[String], replicas: usize) -> Result<(), Failure> {
        let (begun, before) = (Instant::now(), self.cpu());
        self.scale(names, replicas).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let after = self.cpu();
        println!("{what}: {seconds:.1} s");
        let programs = [
            ("kube-apiserver", &self.server),
            ("kube-controller-manager", &self.manager),
        ];
        for (place, (name, program)) in programs.into_iter().enumerate() {
            let memory = memory_of_process(program.id());
            println!(
                "  {name:24} {:6.2} s CPU, {:4} MB resident, {:4} MB anonymous",
                after[place] - before[place],
                memory.resident >> 20,
                memory.anonymous >> 20,
            );
        }
        Ok(())
    }
}

/// Waits until something holds.
async fn wait<F: Future<Output = bool>>(patience: Duration, log: &Path, holds: impl Fn() -> F) -> Result<(), Failure> {
    let begun = Instant::now();
    while !holds().await {
        if begun.elapsed() > patience {
            return Err(format!("not within {patience:?}\n{}", last_lines(log, 5)).into());
        }
        tokio::time::sleep(POLL).await;
    }
    Ok(())
}

fn deployment(name: &str) -> Result<Deployment, serde_json::Error> {
    let labels = json!({"app": name});
    Deployment::from_value(json!({
        "metadata": {"name": name},
        "spec": {"replicas": 0, "selector": {"matchLabels": labels}, "template": {
            "metadata": {"labels": labels},
            "spec": {"containers": [{"name": "c", "image": "registry.example.com/application:v1",
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}}}]},
        }},
    }))
}

async fn run(arguments: Arguments) -> Result<(), Failure> {
    let cluster = Cluster::start(&arguments).await?;
    let count = arguments.pods.div_ceil(arguments.replicas);
    let names: Vec<String> = (0..count).map(|number| format!("deployment-{number}")).collect();
    for name in &names {
        cluster.client.namespaced(NAMESPACE).create(&deployment(name)?).await?;
    }
    let what = format!("{count} Deployments to {} pods each", arguments.replicas);
    cluster.measure(&what, &names, arguments.replicas).await?;
    cluster.measure("back to none", &names, 0).await
}

fn main() -> ExitCode {
    let Some(arguments) = arguments() else {
        eprintln!("usage: deployments-perf DIR [--pods N] [--replicas N] [--qps N]");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let outcome = runtime
        .map_err(Failure::from)
        .and_then(|runtime| runtime.block_on(run(arguments)));
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
