//! The process, from its port to its end.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use client_go::Client;
use client_go::cache::InformerFactory;
use client_go::config::{Config, ConfigError};
use client_go::events::{EventApi, EventBroadcaster};
use client_go::rest::metrics::RestMetrics;
use client_go::transport::TransportError;
use component_base::feature_gates::FeatureGates;
use component_base::logs::LoggingConfiguration;
use component_base::program::{Configured, Start};
use component_base::version::VersionInfo;
use component_server::election::RunError as CandidateError;
use component_server::process::{Port, Process, ServeError, host_name};
use scheduler_framework::config::to_document;
use tokio_util::sync::CancellationToken;

use super::{Complete, OptionsError, SchedulerOptions, Setup, SetupError, setup};
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
    Serving(#[from] ServeError),
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

/// The options, and what they come to with the file.
pub struct Completed {
    options: SchedulerOptions,
    complete: Complete,
}

impl Completed {
    /// Checks and completes; `given` names the flags that stand over the file.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn new(mut options: SchedulerOptions, given: &[&str]) -> Result<Self, OptionsError> {
        let complete = options.complete(given)?;
        Ok(Self { options, complete })
    }
}

impl Configured for Completed {
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates) {
        (&self.options.logging, &self.complete.versions.gates)
    }

    fn effective_version(&self, version: VersionInfo) -> VersionInfo {
        let versions = &self.complete.versions;
        version.with_effective(versions.emulation, versions.min_compatibility)
    }
}

/// Runs the scheduler until it is told to stop, or until it must not go on.
///
/// # Errors
/// See [`RunError`].
pub async fn run(completed: Completed, start: Start) -> Result<(), RunError> {
    let Completed { options, complete } = completed;
    if !options.write_config_to.is_empty() {
        let path = options.write_config_to.clone();
        let document = serde_json::to_vec_pretty(&to_document(&complete.config)).map_err(io::Error::other);
        let written = document.and_then(|text| fs::write(&path, text));
        return written.map_err(|source| RunError::Write { path, source });
    }
    tracing::info!(version = start.version.git_version, "Starting Kubernetes Scheduler");
    let process = Process::new(&options.metrics, &complete.versions.gates, &start.version);
    let connection = &complete.config.client_connection;
    let kubeconfig = (!connection.kubeconfig.is_empty()).then(|| Path::new(&connection.kubeconfig));
    let config = Config {
        qps: connection.qps,
        burst: u32::try_from(connection.burst).unwrap_or(0),
        metrics: Some(RestMetrics::new(&process.registry)),
        ..Config::from_flags(kubeconfig, &options.master)?.with_user_agent(COMPONENT)
    };
    let port = Port {
        serving: &options.serving,
        authentication: &options.authentication,
        authorization: &options.authorization,
        configz: ("kubescheduler.config.k8s.io", &to_document(&complete.config)),
        log: start.log,
    };
    process.serve(port).await?;
    let work = Work {
        complete: &complete,
        config: &config,
        process: &process,
    };
    let outcome = work.lead(start.stop).await;
    process.end().await;
    outcome
}

/// What the work needs.
struct Work<'a> {
    complete: &'a Complete,
    config: &'a Config,
    process: &'a Process,
}

impl Work<'_> {
    /// Works, at once or when it is this process's turn.
    async fn lead(&self, stop: CancellationToken) -> Result<(), RunError> {
        let election = &self.complete.config.leader_election;
        // Over one connection, so that what is sent and told at the same time goes together; each with a rate of its own.
        let client = Client::new(self.config)?;
        let informers = InformerFactory::new(client.share(self.config)?, CancellationToken::new());
        let event_client = client.share(self.config)?;
        let profile = self.complete.config.profiles.first();
        let name = profile.map_or(COMPONENT, |profile| &profile.scheduler_name);
        // What is told of the lease has no action, which the newer API would want.
        let of_election = EventBroadcaster::new(event_client.clone(), EventApi::Core, name, "");
        let recorder = of_election.recorder();
        let (scheduler, mut broadcasters) = setup(&Setup {
            config: &self.complete.config,
            gates: Arc::new(self.complete.versions.gates.clone()),
            plugins: &in_tree(),
            client,
            event_client,
            informers: informers.clone(),
            metrics: &self.process.registry,
            max_unschedulable: self.complete.max_unschedulable.to_std(),
            instance: &host_name(),
        })?;
        broadcasters.push(of_election);
        let end_of_events = CancellationToken::new();
        for broadcaster in broadcasters {
            self.process.tasks.spawn(broadcaster.run(end_of_events.clone()));
        }
        let registrations = scheduler.follow_informers(&informers);
        let delay = election.leader_elect && self.complete.config.delay_cache_until_active;
        if !delay {
            informers.start();
        }
        let work = async |leading: CancellationToken| {
            informers.start();
            for mut registration in registrations {
                tokio::select! {
                    _ = registration.wait_synced() => {}
                    () = leading.cancelled() => return Ok(()),
                }
            }
            self.work(scheduler, &informers, leading).await
        };
        let outcome = self.process.lead(self.config, election, recorder, stop, work).await;
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
