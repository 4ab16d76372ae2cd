//! What is measured, in this order: the table, and how each kind of work is done.

use std::time::Duration;

use client_go::rest::Request;
use http::Method;
use perf::pod;
use serde_json::json;

use crate::{
    Failure,
    cluster::{Cluster, PODS},
    load,
    report::{Figure, Measured},
    watchers::{self, Watchers},
};

/// How long a server that is ready is left alone before its memory is read.
const IDLE: Duration = Duration::from_secs(5);
const WATCHERS: u64 = 200;
const WATCH_ROUNDS: u64 = 100;
/// Writes at once in a round.
const WATCH_WRITES: u64 = 4;
/// Numbers of patches under watchers: none that was written before, which would change nothing.
const WATCH_FROM: u64 = 1_000_000;

/// One line of the report.
pub(crate) struct Scenario {
    pub(crate) name: &'static str,
    /// In what the figures are given.
    pub(crate) unit: &'static str,
    /// What upstream's server needed on a machine of this class.
    pub(crate) upstream: f64,
    /// What is allowed.
    pub(crate) budget: f64,
    work: Work,
}

/// What is done.
enum Work {
    /// From the start of the program to `/readyz`.
    Start,
    /// The server is left alone.
    Idle,
    /// Creates the pods that all that follows works with.
    Create,
    /// So many requests; each gets its number.
    Requests(usize, fn(&Cluster, usize) -> Request),
    /// So many pods are made, then deleted.
    Delete(usize),
    /// Pods change under the eyes of watchers.
    Watch,
    /// Memory after all that went before, with all pods.
    Memory,
}

pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "start to /readyz",
        unit: "s",
        upstream: 3.7,
        budget: 0.2,
        work: Work::Start,
    },
    Scenario {
        name: "idle memory",
        unit: "MB",
        upstream: 264.0,
        budget: 30.0,
        work: Work::Idle,
    },
    Scenario {
        name: "create",
        unit: "ms",
        upstream: 4.0,
        budget: 0.3,
        work: Work::Create,
    },
    Scenario {
        name: "get",
        unit: "ms",
        upstream: 1.05,
        budget: 0.05,
        work: Work::Requests(10_000, |cluster, number| {
            cluster.client.request(Method::GET, existing(cluster, number))
        }),
    },
    Scenario {
        name: "list all",
        unit: "ms",
        upstream: 787.0,
        budget: 60.0,
        work: Work::Requests(16, |cluster, _| cluster.client.request(Method::GET, "/api/v1/pods")),
    },
    Scenario {
        name: "list 1 % by label",
        unit: "ms",
        upstream: 16.0,
        budget: 1.0,
        work: Work::Requests(400, |cluster, number| {
            let group = format!("group=group-{}", number % pod::GROUPS);
            let request = cluster.client.request(Method::GET, "/api/v1/pods");
            request.query("labelSelector", &group)
        }),
    },
    Scenario {
        name: "merge patch",
        unit: "ms",
        upstream: 8.3,
        budget: 0.4,
        work: Work::Requests(2_000, merge_patch),
    },
    Scenario {
        name: "server-side apply",
        unit: "ms",
        upstream: 8.4,
        budget: 0.4,
        work: Work::Requests(2_000, apply),
    },
    Scenario {
        name: "delete",
        unit: "ms",
        upstream: 4.9,
        budget: 0.3,
        work: Work::Delete(2_000),
    },
    Scenario {
        name: "watch delivery",
        unit: "µs",
        upstream: 102.0,
        budget: 10.0,
        work: Work::Watch,
    },
    Scenario {
        name: "memory with the pods",
        unit: "MB",
        upstream: 2_040.0,
        budget: 200.0,
        work: Work::Memory,
    },
];

/// The path of a pod that is there, spread over all.
fn existing(cluster: &Cluster, number: usize) -> String {
    // A prime step, so that neighbours in time are no neighbours in the store.
    format!("{PODS}/pod-{}", number * 7_919 % cluster.pods)
}

fn merge_patch(cluster: &Cluster, number: usize) -> Request {
    let patch = json!({"metadata": {"annotations": {"example.com/patched": number.to_string()}}});
    let request = cluster.client.request(Method::PATCH, existing(cluster, number));
    request.body("application/merge-patch+json", patch.to_string())
}

/// Applies the whole manifest with a changed annotation.
fn apply(cluster: &Cluster, number: usize) -> Request {
    let pod = number * 7_919 % cluster.pods;
    let mut manifest = pod::of_chart(&format!("pod-{pod}"), pod);
    manifest["metadata"]["annotations"]["example.com/applied"] = number.to_string().into();
    let request = cluster.client.request(Method::PATCH, existing(cluster, number));
    let request = request.query("fieldManager", "applier").query("force", "true");
    request.body("application/apply-patch+yaml", manifest.to_string())
}

impl Scenario {
    /// Measures.
    pub(crate) async fn run(&self, cluster: &mut Cluster) -> Result<Measured, Failure> {
        if !matches!(self.work, Work::Start | Work::Idle | Work::Create) {
            cluster.populate().await?;
        }
        match self.work {
            Work::Start => Ok(Measured::of(Figure::Seconds(cluster.ready_after.as_secs_f64()))),
            Work::Idle => {
                tokio::time::sleep(IDLE).await;
                Ok(Measured::of(Figure::Memory(cluster.memory())))
            }
            Work::Create => {
                let before = cluster.cpu();
                let created = &*cluster;
                let latency = load::run(cluster.pods, |number| created.create("pod", number)).await?;
                let cpu = (cluster.cpu() - before) / cluster.pods as f64;
                cluster.is_populated();
                Ok(Measured::with_latency(Figure::Cpu(cpu), latency))
            }
            Work::Requests(count, request) => {
                let before = cluster.cpu();
                let cluster = &*cluster;
                let send = |number| {
                    let request = request(cluster, number);
                    async { Ok(request.send().await.map(|_| ())?) }
                };
                let latency = load::run(count, send).await?;
                let cpu = (cluster.cpu() - before) / count as f64;
                Ok(Measured::with_latency(Figure::Cpu(cpu), latency))
            }
            Work::Delete(count) => {
                let cluster = &*cluster;
                load::run(count, |number| cluster.create("extra", number)).await?;
                let before = cluster.cpu();
                let delete = |number: usize| {
                    let request = cluster.client.request(Method::DELETE, format!("{PODS}/extra-{number}"));
                    async { Ok(request.send().await.map(|_| ())?) }
                };
                let latency = load::run(count, delete).await?;
                let cpu = (cluster.cpu() - before) / count as f64;
                Ok(Measured::with_latency(Figure::Cpu(cpu), latency))
            }
            Work::Watch => watch(cluster).await,
            Work::Memory => {
                tokio::time::sleep(IDLE).await;
                Ok(Measured::of(Figure::Memory(cluster.memory())))
            }
        }
    }
}

/// Processor time of a delivery; the write that it comes from is divided among its deliveries.
async fn watch(cluster: &Cluster) -> Result<Measured, Failure> {
    let watchers = Watchers::start(cluster, WATCHERS).await?;
    let mut rounds = Vec::new();
    let before = cluster.cpu();
    for round in 0..WATCH_ROUNDS {
        let write = async {
            let writes = (0..WATCH_WRITES).map(|write| {
                let number = usize::try_from(WATCH_FROM + round * WATCH_WRITES + write).unwrap_or_default();
                merge_patch(cluster, number).send()
            });
            futures::future::try_join_all(writes).await?;
            Ok(())
        };
        rounds.push(watchers.see(WATCH_WRITES, write).await?);
    }
    let deliveries = watchers.count() * WATCH_ROUNDS * WATCH_WRITES;
    let cpu = (cluster.cpu() - before) / deliveries as f64;
    Ok(Measured::with_latency(Figure::Cpu(cpu), watchers::latency(rounds)))
}
