//! The programs themselves: kube-apiserver and kube-scheduler.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use client_go::Client;
use client_go::cache::{Event, InformerFactory, InformerOptions};
use k8s_api::core::v1::{Node, Pod};
use perf::process::{Program, client_config, flags, free_port, last_lines};
use perf::usage::cpu_of_process;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::steps::Stage;
use crate::target::{Kind, Progress, Target};
use crate::workload::{Workload, Workloads};
use crate::{Failure, Measured, Usage};

const TOKEN: &str = "scheduler-perf";
/// How long a program may take to start.
const PATIENCE: Duration = Duration::from_secs(60);

async fn ready(client: &Client) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    loop {
        match client.all::<Node>().list(&Default::default()).await {
            Ok(_) => return Ok(()),
            Err(error) if Instant::now() > until => return Err(error.into()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// Counts the pods that have a node; of the others it is told nothing.
async fn count(client: Client, progress: std::sync::Arc<Progress>) -> InformerFactory {
    let informers = InformerFactory::new(client.clone(), CancellationToken::new());
    let bound = InformerOptions {
        field_selector: "spec.nodeName!=".to_owned(),
        ..InformerOptions::default()
    };
    let pods = informers.informer_with(client.all::<Pod>(), bound);
    pods.add_handler(move |event: Event<Pod>| {
        if let Event::Added { object, .. } = &event {
            progress.bound(&object.metadata.name);
        }
    });
    informers.start();
    informers.wait_for_cache_sync().await;
    informers
}

pub(crate) fn run(workload: &Workload, all: &Workloads, programs: &Path) -> Result<Measured, Failure> {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    let text = |name: &str| path(name).display().to_string();
    let port = free_port()?;
    fs::write(path("tokens.csv"), format!("{TOKEN},admin,admin,system:masters\n"))?;
    let arguments = flags([
        ("data-dir", text("data")),
        ("cert-dir", text("certs")),
        ("bind-address", "127.0.0.1".to_owned()),
        ("secure-port", port.to_string()),
        ("token-auth-file", text("tokens.csv")),
        (
            "disable-admission-plugins",
            "ServiceAccount,TaintNodesByCondition,Priority".to_owned(),
        ),
    ]);
    let server = Program::start(
        &programs.join("kube-apiserver"),
        &path("kube-apiserver.log"),
        &arguments,
    )?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let client = Client::new(&client_config(port, TOKEN)).map_err(|error| Failure::Other(error.to_string()))?;
    let said = |log: &str, error: Failure| Failure::Other(format!("{error}\n{}", last_lines(&path(log), 5)));
    runtime
        .block_on(ready(&client))
        .map_err(|error| said("kube-apiserver.log", error))?;
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "perf",
        "clusters": [{"name": "perf", "cluster": {"server": client_config(port, TOKEN).host, "insecure-skip-tls-verify": true}}],
        "users": [{"name": "perf", "user": {"token": TOKEN}}],
        "contexts": [{"name": "perf", "context": {"cluster": "perf", "user": "perf"}}],
    });
    fs::write(path("kubeconfig"), kubeconfig.to_string())?;
    let arguments = flags([
        ("kubeconfig", text("kubeconfig")),
        ("leader-elect", "false".to_owned()),
        ("kube-api-qps", "-1".to_owned()),
        ("secure-port", "0".to_owned()),
    ]);
    let scheduler = Program::start(
        &programs.join("kube-scheduler"),
        &path("kube-scheduler.log"),
        &arguments,
    )?;
    let (scheduler_id, server_id) = (scheduler.id(), server.id());
    let stop = CancellationToken::new();
    let outcome = runtime.block_on(async {
        let progress = Progress::new();
        let informers = count(client.clone(), progress.clone()).await;
        let target = Target::Server(client);
        target
            .create(Kind::Namespace, "", vec![json!({"metadata": {"name": "default"}})])
            .await?;
        let stage = Stage {
            target,
            progress,
            cpu: Box::new(move || Usage {
                scheduler: cpu_of_process(scheduler_id),
                server: cpu_of_process(server_id),
                driver: cpu_of_process(std::process::id()),
            }),
        };
        let outcome = stage.run(workload, all, &stop).await;
        stop.cancel();
        informers.shutdown().await;
        outcome
    });
    runtime.shutdown_background();
    outcome.map_err(|error| said("kube-scheduler.log", error))
}
