//! The process, from its port to its end.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use client_go::Client;
use client_go::cache::InformerFactory;
use client_go::config::{Config, ConfigError};
use client_go::events::{EventApi, EventBroadcaster};
use client_go::leader_election::{LeaderElectionMetrics, default_identity};
use client_go::rest::metrics::RestMetrics;
use client_go::transport::TransportError;
use component_base::health::HealthMetrics;
use component_base::logs::LogHandle;
use component_base::metrics::{MetricsOptions, MetricsRegistry};
use component_base::version::VersionInfo;
use component_server::election::{Candidate, RunError as CandidateError};
use component_server::{HealthRegistry, Router, Serving};
use scheduler_framework::config::to_document;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::{Complete, SchedulerOptions, Setup, SetupError, setup};
use crate::framework::in_tree;
use crate::scheduler::{Scheduler, SchedulingThread};

const COMPONENT: &str = "kube-scheduler";

/// Why the process ends otherwise than by being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The kubeconfig.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The connection's settings.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The secure port.
    #[error(transparent)]
    Serving(#[from] component_server::ServingError),
    /// Whom to ask about callers.
    #[error(transparent)]
    Delegation(#[from] component_server::DelegationError),
    /// The profiles.
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// `--write-config-to`.
    #[error("failed to write config file {path:?}: {source}")]
    Write {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// A thread cannot be started.
    #[error("failed to start the scheduling thread: {0}")]
    Thread(String),
    /// The lease was lost.
    #[error(transparent)]
    Election(#[from] CandidateError),
}

struct Process {
    options: SchedulerOptions,
    complete: Complete,
    config: Config,
    registry: MetricsRegistry,
    health: HealthRegistry,
    tasks: TaskTracker,
    host: String,
}

fn host_name() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match name.trim() {
        "" => "localhost".to_owned(),
        name => name.to_owned(),
    }
}

/// Runs the scheduler until `stop`, or until it must not go on.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    options: SchedulerOptions,
    complete: Complete,
    version: VersionInfo,
    log: LogHandle,
    stop: CancellationToken,
) -> Result<(), RunError> {
    if !options.write_config_to.is_empty() {
        let path = options.write_config_to.clone();
        let document = serde_json::to_vec_pretty(&to_document(&complete.config)).map_err(io::Error::other);
        let written = document.and_then(|text| fs::write(&path, text));
        return written.map_err(|source| RunError::Write { path, source });
    }
    tracing::info!(version = version.git_version, "Starting Kubernetes Scheduler");
    let registry = MetricsRegistry::new(&options.metrics);
    registry.register_process(&version);
    complete.versions.gates.register_metrics(&registry);
    let slis = MetricsRegistry::new(&MetricsOptions::default());
    let connection = &complete.config.client_connection;
    let kubeconfig = (!connection.kubeconfig.is_empty()).then(|| Path::new(&connection.kubeconfig));
    let config = Config {
        qps: connection.qps,
        burst: u32::try_from(connection.burst).unwrap_or(0),
        metrics: Some(RestMetrics::new(&registry)),
        ..Config::from_flags(kubeconfig, &options.master)?.with_user_agent(COMPONENT)
    };
    let process = Process {
        config,
        health: HealthRegistry::new(Some(HealthMetrics::new(&slis))),
        tasks: TaskTracker::new(),
        registry,
        complete,
        options,
        host: host_name(),
    };
    let end_of_serving = CancellationToken::new();
    process.serve(slis, log, &end_of_serving).await?;
    let outcome = process.lead(stop).await;
    end_of_serving.cancel();
    process.tasks.close();
    process.tasks.wait().await;
    outcome
}

impl Process {
    async fn serve(&self, slis: MetricsRegistry, log: LogHandle, end: &CancellationToken) -> Result<(), RunError> {
        let options = &self.options;
        if options.serving.secure_port == 0 {
            return Ok(());
        }
        let router = Router::new()
            .health(&self.health)
            .metrics("/metrics", self.registry.clone())
            .metrics("/metrics/slis", slis)
            .configz("kubescheduler.config.k8s.io", &to_document(&self.complete.config))
            .log_verbosity(Arc::new(log));
        let authentication = options.authentication.complete().await?;
        if let Some(serving) = Serving::bind(&options.serving, authentication, &options.authorization, router)? {
            serving.spawn(&self.tasks, end);
        }
        Ok(())
    }

    /// Works, at once or when it is this process's turn.
    async fn lead(&self, stop: CancellationToken) -> Result<(), RunError> {
        let election = &self.complete.config.leader_election;
        let informers = InformerFactory::new(Client::new(&self.config)?, CancellationToken::new());
        let event_client = Client::new(&self.config)?;
        let profile = self.complete.config.profiles.first();
        let name = profile.map_or(COMPONENT, |profile| &profile.scheduler_name);
        // What is told of the lease has no action, which the newer API would want.
        let of_election = EventBroadcaster::new(event_client.clone(), EventApi::Core, name, "");
        let recorder = of_election.recorder();
        let (scheduler, mut broadcasters) = setup(&Setup {
            config: &self.complete.config,
            gates: Arc::new(self.complete.versions.gates.clone()),
            plugins: &in_tree(),
            client: Client::new(&self.config)?,
            event_client,
            informers: informers.clone(),
            metrics: &self.registry,
            max_unschedulable: self.complete.max_unschedulable.to_std(),
            instance: &self.host,
        })?;
        broadcasters.push(of_election);
        let end_of_events = CancellationToken::new();
        for broadcaster in broadcasters {
            self.tasks.spawn(broadcaster.run(end_of_events.clone()));
        }
        let registrations = scheduler.follow_informers(&informers);
        let delay = election.leader_elect && self.complete.config.delay_cache_until_active;
        if !delay {
            informers.start();
        }
        let work = |leading: CancellationToken| {
            let (informers, registrations, scheduler) = (&informers, registrations.clone(), scheduler.clone());
            async move {
                informers.start();
                for mut registration in registrations {
                    tokio::select! {
                        _ = registration.wait_synced() => {}
                        () = leading.cancelled() => return Ok(()),
                    }
                }
                self.work(scheduler, informers, leading).await
            }
        };
        let outcome = if election.leader_elect {
            let candidate = Candidate {
                config: &self.config,
                identity: default_identity(&self.host),
                election,
                metrics: LeaderElectionMetrics::new(&self.registry),
                recorder: Some(recorder),
                health: &self.health,
                release_on_cancel: true,
            };
            let mut worked = Ok(());
            let outcome = candidate
                .run(stop, |leading| async {
                    worked = work(leading).await;
                })
                .await;
            worked.and_then(|()| outcome.map_err(RunError::from))
        } else {
            work(stop).await
        };
        end_of_events.cancel();
        informers.shutdown().await;
        outcome
    }

    async fn work(
        &self,
        scheduler: Arc<Scheduler>,
        informers: &InformerFactory,
        stop: CancellationToken,
    ) -> Result<(), RunError> {
        if !informers.wait_for_cache_sync().await {
            return Ok(());
        }
        tracing::info!("the caches are filled; scheduling begins");
        schedule_until(scheduler, self.complete.config.parallelism, stop).await
    }
}

/// Runs the scheduling thread until `stop`, and waits for it and for the bindings that are under way.
///
/// # Errors
/// A thread cannot be started.
pub async fn schedule_until(
    scheduler: Arc<Scheduler>,
    parallelism: i32,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = usize::try_from(parallelism).unwrap_or(1).clamp(1, cores);
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .thread_name(|i| format!("scheduling-{i}"))
        .build()
        .map_err(|error| RunError::Thread(error.to_string()))?;
    let (ended, end) = tokio::sync::oneshot::channel();
    let thread = SchedulingThread::new(scheduler.clone());
    pool.spawn(move || {
        thread.run();
        // Nobody listens if the process ends otherwise.
        let _ = ended.send(());
    });
    scheduler.queue.run(stop).await;
    let _ = end.await;
    scheduler.bindings.close();
    scheduler.bindings.wait().await;
    Ok(())
}
