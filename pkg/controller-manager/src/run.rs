//! The process, from its port to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use client_go::config::{Config, ConfigError};
use client_go::events::{EventApi, EventBroadcaster};
use client_go::leader_election::{LeaderElectionMetrics, default_identity};
use client_go::rest::metrics::RestMetrics;
use client_go::transport::TransportError;
use component_base::health::HealthMetrics;
use component_base::logs::LogHandle;
use component_base::metrics::{MetricsOptions, MetricsRegistry};
use component_base::options::EffectiveVersion;
use component_base::version::VersionInfo;
use component_server::election::{Candidate, RunError as CandidateError};
use component_server::{HealthRegistry, Router, Serving};
use controller::{BuildError, ClientBuilder, ControllerContext, Descriptor};
use http::Method;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::ControllerManagerOptions;
use crate::life::{self, RunningMetrics};

/// How long the API server may take to come up.
const API_SERVER_LIMIT: Duration = Duration::from_secs(10);
/// How often the server is asked anew what it serves.
const DISCOVERY_PERIOD: Duration = Duration::from_secs(30);

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
    /// The API server does not answer.
    #[error("failed to wait for apiserver being healthy: {0}")]
    ApiServer(String),
    /// A controller cannot be built.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The controllers did not end in time.
    #[error("controller shutdown timeout reached")]
    Shutdown,
    /// The lease was lost.
    #[error(transparent)]
    Election(#[from] CandidateError),
}

/// What a run needs besides its options.
struct Process {
    options: ControllerManagerOptions,
    versions: EffectiveVersion,
    config: Config,
    registry: MetricsRegistry,
    health: HealthRegistry,
    tasks: TaskTracker,
}

/// Runs the manager until `stop`, or until it must not go on. `options` have been completed to `versions`.
///
/// # Errors
/// See [`RunError`].
pub async fn run(
    options: ControllerManagerOptions,
    versions: EffectiveVersion,
    version: VersionInfo,
    log: LogHandle,
    stop: CancellationToken,
) -> Result<(), RunError> {
    tracing::info!(version = version.git_version, "Starting");
    let registry = MetricsRegistry::new(&options.metrics);
    registry.register_process(&version);
    versions.gates.register_metrics(&registry);
    let slis = MetricsRegistry::new(&MetricsOptions::default());
    let kubeconfig = (!options.kubeconfig.is_empty()).then(|| Path::new(&options.kubeconfig));
    let connection = &options.config.generic.client_connection;
    let config = Config {
        qps: connection.qps,
        burst: u32::try_from(connection.burst).unwrap_or(0),
        metrics: Some(RestMetrics::new(&registry)),
        ..Config::from_flags(kubeconfig, &options.master)?
    };
    let process = Process {
        config,
        health: HealthRegistry::new(Some(HealthMetrics::new(&slis))),
        tasks: TaskTracker::new(),
        registry,
        versions,
        options,
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
            .configz("kubecontrollermanager.config.k8s.io", &options.config)
            .log_verbosity(Arc::new(log));
        let authentication = options.authentication.complete().await?;
        if let Some(serving) = Serving::bind(&options.serving, authentication, &options.authorization, router)? {
            serving.spawn(&self.tasks, end);
        }
        Ok(())
    }

    /// Works, at once or when it is this process's turn.
    async fn lead(&self, stop: CancellationToken) -> Result<(), RunError> {
        let election = &self.options.config.generic.leader_election;
        if !election.leader_elect {
            return self.work(stop).await;
        }
        let host = nix::unistd::gethostname().map_or_else(
            |error| {
                tracing::warn!(%error, "the host has no name");
                "localhost".to_owned()
            },
            |name| name.to_string_lossy().into_owned(),
        );
        let root = client_go::Client::new(&self.config.clone().with_user_agent("kube-controller-manager"))?;
        let broadcaster = EventBroadcaster::new(root, EventApi::Core, "kube-controller-manager", "");
        let recorder = broadcaster.recorder();
        let end_of_events = CancellationToken::new();
        self.tasks.spawn(broadcaster.run(end_of_events.clone()));
        let candidate = Candidate {
            config: &self.config,
            identity: default_identity(&host),
            election,
            metrics: LeaderElectionMetrics::new(&self.registry),
            recorder: Some(recorder),
            health: &self.health,
            release_on_cancel: true,
        };
        let mut worked = Ok(());
        let outcome = candidate
            .run(stop, |leading| async {
                worked = self.work(leading).await;
            })
            .await;
        end_of_events.cancel();
        worked?;
        Ok(outcome?)
    }

    async fn work(&self, stop: CancellationToken) -> Result<(), RunError> {
        let generic = &self.options.config.generic;
        let root = ClientBuilder::shared(self.config.clone())?;
        wait_for_api_server(&root, &stop).await?;
        let clients = if self.options.config.kube_cloud_shared.use_service_account_credentials {
            root.with_service_accounts()
        } else {
            root.clone()
        };
        let end_of_caches = CancellationToken::new();
        let context = ControllerContext::new(
            root,
            clients,
            self.options.config.clone(),
            self.versions.gates.clone(),
            self.registry.clone(),
            end_of_caches.clone(),
        );
        let table: Vec<Descriptor> = crate::descriptors();
        let built = tokio::select! {
            built = life::build(&context, &table, &self.health) => built?,
            () = stop.cancelled() => return Ok(()),
        };
        context.informers.start();
        context.tasks.spawn(refresh_discovery(context.clone()));
        let in_time = life::run(
            built,
            generic.controller_start_interval.to_std(),
            self.options.shutdown_timeout.to_std(),
            RunningMetrics::new(&self.registry),
            &stop,
        )
        .await;
        context.end_of_tasks.cancel();
        context.informers.shutdown().await;
        context.tasks.close();
        context.tasks.wait().await;
        if in_time { Ok(()) } else { Err(RunError::Shutdown) }
    }
}

async fn refresh_discovery(context: ControllerContext) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(DISCOVERY_PERIOD) => context.discovery.invalidate().await,
            () = context.end_of_tasks.cancelled() => return,
        }
    }
}

/// Waits until the API server says that it is well.
async fn wait_for_api_server(root: &ClientBuilder, stop: &CancellationToken) -> Result<(), RunError> {
    let deadline = tokio::time::Instant::now() + API_SERVER_LIMIT;
    loop {
        let request = root
            .root()
            .request(Method::GET, "/healthz")
            .timeout(Some(API_SERVER_LIMIT));
        let reason = match request.send().await {
            Ok(_) => return Ok(()),
            Err(error) => error.to_string(),
        };
        if tokio::time::Instant::now() >= deadline {
            return Err(RunError::ApiServer(reason));
        }
        tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(500)) => {}
            () = stop.cancelled() => return Ok(()),
        }
    }
}
