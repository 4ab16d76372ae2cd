//! The process, from its port to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use client_go::config::{Config, ConfigError, WarningHandler};
use client_go::events::{EventApi, EventBroadcaster};
use client_go::rest::metrics::RestMetrics;
use client_go::transport::TransportError;
use component_base::feature_gates::FeatureGates;
use component_base::logs::LoggingConfiguration;
use component_base::options::EffectiveVersion;
use component_base::program::{Configured, Start};
use component_base::version::VersionInfo;
use component_server::election::RunError as CandidateError;
use component_server::process::{Port, Process, ServeError};
use controller::{BuildError, ClientBuilder, ControllerContext, Descriptor};
use http::Method;
use tokio_util::sync::CancellationToken;

use crate::life::{self, RunningMetrics};
use crate::{ControllerManagerOptions, OptionsError};

const COMPONENT: &str = "kube-controller-manager";
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
    Serving(#[from] ServeError),
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

/// The options, checked, and the versions and gates that they come to.
pub struct Completed {
    options: ControllerManagerOptions,
    versions: EffectiveVersion,
}

impl Completed {
    /// Checks and completes.
    ///
    /// # Errors
    /// All that is wrong.
    pub fn new(mut options: ControllerManagerOptions) -> Result<Self, OptionsError> {
        let versions = options.complete()?;
        Ok(Self { options, versions })
    }
}

impl Configured for Completed {
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates) {
        (&self.options.logging, &self.versions.gates)
    }

    fn effective_version(&self, version: VersionInfo) -> VersionInfo {
        version.with_effective(self.versions.emulation, self.versions.min_compatibility)
    }
}

/// Runs the manager until it is told to stop, or until it must not go on.
///
/// # Errors
/// See [`RunError`].
pub async fn run(completed: Completed, start: Start) -> Result<(), RunError> {
    let Completed { options, versions } = completed;
    tracing::info!(version = start.version.git_version, "Starting");
    let process = Process::new(&options.metrics, &versions.gates, &start.version);
    let kubeconfig = (!options.kubeconfig.is_empty()).then(|| Path::new(&options.kubeconfig));
    let connection = &options.config.generic.client_connection;
    let config = Config {
        qps: connection.qps,
        burst: u32::try_from(connection.burst).unwrap_or(0),
        metrics: Some(RestMetrics::new(&process.registry)),
        warnings: Some(Arc::new(Unheard)),
        ..Config::from_flags(kubeconfig, &options.master)?
    };
    let port = Port {
        serving: &options.serving,
        authentication: &options.authentication,
        authorization: &options.authorization,
        configz: ("kubecontrollermanager.config.k8s.io", &options.config),
        log: start.log,
    };
    process.serve(port).await?;
    let work = Work {
        options: &options,
        versions: &versions,
        config: &config,
        process: &process,
    };
    let outcome = work.lead(start.stop).await;
    process.end().await;
    outcome
}

/// A controller works on what others have made, and on whole kinds that are deprecated: with each of its requests the server
/// would warn it of what it cannot help.
struct Unheard;

impl WarningHandler for Unheard {
    fn warning(&self, _: &str) {}
}

/// What the work needs.
struct Work<'a> {
    options: &'a ControllerManagerOptions,
    versions: &'a EffectiveVersion,
    config: &'a Config,
    process: &'a Process,
}

impl Work<'_> {
    async fn lead(&self, stop: CancellationToken) -> Result<(), RunError> {
        let root = client_go::Client::new(&self.config.clone().with_user_agent(COMPONENT))?;
        let broadcaster = EventBroadcaster::new(root, EventApi::Core, COMPONENT, "");
        let recorder = broadcaster.recorder();
        let end_of_events = CancellationToken::new();
        self.process.tasks.spawn(broadcaster.run(end_of_events.clone()));
        let election = &self.options.config.generic.leader_election;
        let outcome = self
            .process
            .lead(self.config, election, recorder, stop, |leading| self.work(leading))
            .await;
        end_of_events.cancel();
        outcome
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
            self.process.registry.clone(),
            end_of_caches.clone(),
        );
        let table: Vec<Descriptor> = crate::descriptors();
        let built = tokio::select! {
            built = life::build(&context, &table, &self.process.health) => built?,
            () = stop.cancelled() => return Ok(()),
        };
        context.informers.start();
        context.tasks.spawn(refresh_discovery(context.clone()));
        let in_time = life::run(
            built,
            generic.controller_start_interval.to_std(),
            self.options.shutdown_timeout.to_std(),
            RunningMetrics::new(&self.process.registry),
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
