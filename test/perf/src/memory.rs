//! The scheduler in this process, against an API server in memory that binds pods as the real one does.

use std::sync::Arc;

use client_go::cache::InformerFactory;
use client_go::testing::{Canned, FakeServer};
use component_base::metrics::MetricsRegistry;
use scheduler::app::{SchedulerOptions, Setup, schedule_until, setup};
use scheduler::framework::in_tree;
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use crate::steps::Stage;
use crate::target::{Progress, Target};
use crate::workload::{Workload, Workloads};
use crate::{Failure, Measured, Usage};
use perf::usage::cpu_of_threads;

/// What the names of all threads of the scheduler begin with; the scheduling threads are called so by themselves.
const THREADS: &str = "scheduling-";
const SERVER_THREADS: &str = "server";
/// The main thread, which bears the program's name.
const DRIVER_THREAD: &str = "scheduler-perf";

fn runtime(name: &'static str) -> Result<Runtime, Failure> {
    Ok(Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(name)
        .enable_all()
        .build()?)
}

/// Lets the server carry bindings out, and counts them.
fn carry_out_bindings(server: &Arc<FakeServer>, progress: Arc<Progress>) {
    let weak = Arc::downgrade(server);
    server.on_request(move |seen| {
        let (pod, "binding") = seen.path.rsplit_once('/')? else {
            return None;
        };
        let body: Value = serde_json::from_slice(&seen.body).ok()?;
        let name = pod.rsplit_once('/')?.1;
        let patch = json!({"spec": {"nodeName": body["target"]["name"]},
                           "status": {"conditions": [{"type": "PodScheduled", "status": "True"}]}});
        let namespace = body["metadata"]["namespace"].as_str()?;
        let server = weak.upgrade()?;
        let outcome = server.with_store(|store| store.patch("/api/v1/pods", namespace, name, patch));
        let code = if outcome.is_ok() { 201 } else { 404 };
        progress.bound(name);
        let status = json!({"kind": "Status", "apiVersion": "v1", "code": code});
        Some(Canned::json(code, &status))
    });
}

pub(crate) fn run(workload: &Workload, all: &Workloads) -> Result<Measured, Failure> {
    let (outside, inside) = (runtime(SERVER_THREADS)?, runtime("scheduling-io")?);
    let server = Arc::new(outside.block_on(FakeServer::start()));
    let progress = Progress::new();
    carry_out_bindings(&server, progress.clone());
    let stop = CancellationToken::new();
    let other = |error: &dyn std::fmt::Display| Failure::Other(error.to_string());
    let complete = SchedulerOptions::default()
        .complete(&[])
        .map_err(|error| other(&error))?;
    let client = server.client();
    let (scheduler, informers) = inside.block_on(async {
        let informers = InformerFactory::new(client.clone(), CancellationToken::new());
        let (scheduler, broadcasters) = setup(&Setup {
            config: &complete.config,
            gates: Arc::new(complete.versions.gates.clone()),
            plugins: &in_tree(),
            client: client.clone(),
            event_client: client.clone(),
            informers: informers.clone(),
            metrics: &MetricsRegistry::default(),
            max_unschedulable: complete.max_unschedulable.to_std(),
            instance: "perf",
        })
        .map_err(|error| other(&error))?;
        for broadcaster in broadcasters {
            tokio::spawn(broadcaster.run(stop.clone()));
        }
        let registrations = scheduler.follow_informers(&informers);
        informers.start();
        for mut registration in registrations {
            registration.wait_synced().await;
        }
        informers.wait_for_cache_sync().await;
        Ok::<_, Failure>((scheduler, informers))
    })?;
    let work = inside.spawn(schedule_until(scheduler, complete.config.parallelism, stop.clone()));
    let stage = Stage {
        target: Target::Memory(server),
        progress,
        cpu: Box::new(|| Usage {
            scheduler: cpu_of_threads(THREADS),
            server: cpu_of_threads(SERVER_THREADS),
            driver: cpu_of_threads(DRIVER_THREAD),
        }),
    };
    let outcome = outside.block_on(stage.run(workload, all, &stop));
    stop.cancel();
    inside.block_on(async {
        // It has measured what it has, however it ends.
        let _ = work.await;
        informers.shutdown().await;
    });
    inside.shutdown_background();
    outside.shutdown_background();
    outcome
}
