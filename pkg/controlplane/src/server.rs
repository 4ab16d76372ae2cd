//! Runs the API server from start to orderly end.

use std::{sync::Arc, time::Duration};

use admission_chain::{AdmissionError, Environment};
use apimachinery::status::StatusError;
use apiserver::{
    admission::{Permissions, StoreDirectory},
    server::{ApiServer, Authentication, InFlightLimits, Limits, Routes, ServerConfig, ServerHandler},
};
use apiserver_flowcontrol::{FlowController, FlowMetrics};
use apiserver_storage::{Storage, etcd3::normalize_prefix};
use component_base::{
    health::{CheckFn, HealthEndpoints, HealthError},
    metrics::{MetricsOptions, MetricsRegistry},
    options::SecureServingError,
    serving::{Body, DynamicCaBundle, Server},
    version::{MINOR, VersionInfo},
};
use controlplane_keeps::Keeper;
use k8s_api::Kind as _;
use kubeapiserver::{OptionError, audit::AuditTasks, flowcontrol::FlowControlConfig};
use registry::Settings;
use registry_allocators::ServiceHooks;
use streaming::Connections;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    documents::ApiDocuments,
    install::Installer,
    keeping::{self, Keeping},
    options::ServerOptions,
    resources, reviews, storage, subresources,
};

/// How long the first list of every cache may take.
const CACHE_TIMEOUT: Duration = Duration::from_secs(60);

/// How long audit events that wait at the end may take.
const AUDIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Why the server does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A flag's value.
    #[error("{0}")]
    Option(String),
    /// Address, port or certificates.
    #[error(transparent)]
    Serving(#[from] SecureServingError),
    /// The store.
    #[error("{0}")]
    Storage(String),
}

impl From<OptionError> for RunError {
    fn from(error: OptionError) -> Self {
        Self::Option(error.to_string())
    }
}

impl From<AdmissionError> for RunError {
    fn from(error: AdmissionError) -> Self {
        Self::Option(error.to_string())
    }
}

/// A control plane that answers requests; [`run`] puts a network in front of it.
#[derive(Debug)]
pub struct ControlPlane {
    /// What answers requests.
    pub server: Arc<ApiServer>,
    client_cas: Vec<Arc<DynamicCaBundle>>,
    audit_tasks: AuditTasks,
    store: Arc<dyn Storage>,
    background: CancellationToken,
    keeper: Keeper,
    /// What streams and upgraded proxies have become.
    connections: Connections,
}

impl ControlPlane {
    /// Opens the store, fills the caches, begins to make what the server itself keeps ([`ControlPlane::wait_ready`]).
    /// `stop` is the one whose cancellation begins the shutdown: from then on `/readyz` fails.
    ///
    /// # Errors
    /// What keeps the server from starting.
    pub async fn start(
        options: &ServerOptions,
        version: &VersionInfo,
        stop: CancellationToken,
    ) -> Result<Self, RunError> {
        let background = CancellationToken::new();
        let access = Access::new(options, &background)?;
        let audit_tasks = AuditTasks::default();
        let audit = options.audit.build(&audit_tasks)?;
        let store = storage::open(&options.storage)
            .await
            .map_err(|error| RunError::Storage(error.to_string()))?;
        let connections = Connections::new();
        let services = ServiceHooks::new(Arc::new(options.gates.clone()));
        let keeping = Keeping::new(options, services.clone())?;
        let routes = install(options, &store, &access, &services, &connections, &background).await?;
        let metrics = MetricsRegistry::new(&MetricsOptions::default());
        metrics.register_process(version);
        let (bound, limits) = tokio::join!(
            access.bind(&routes, &background),
            limits(options, &routes, &metrics, &background)
        );
        bound?;
        let mut health = HealthEndpoints::new();
        let checked = store.clone();
        health.add(Arc::new(CheckFn::asynchronous("etcd", move || {
            let store = checked.clone();
            Box::pin(async move { store.health().await.map_err(|error| HealthError(error.to_string())) })
        })));
        let hooks = keeping::announce(&mut health);
        let keeper = keeping.start(options, &routes, &store, hooks)?;
        health.add_shutdown(stop);
        let config = ServerConfig {
            authentication: Authentication {
                chain: access.authentication.chain.clone(),
                audiences: access.authentication.audiences.clone(),
            },
            authorizer: access.authorization.authorizer.clone(),
            audit,
            constrained_impersonation: options.gates.enabled("ConstrainedImpersonation"),
            limits: limits?,
            documents: Arc::new(ApiDocuments::new(
                &version.git_version,
                options.public_address(),
                access.authentication.documents.clone(),
            )),
            version: version.clone().with_effective(MINOR, MINOR - 1).to_json(),
        };
        Ok(Self {
            server: ApiServer::new(config, routes, health, metrics),
            client_cas: access.authentication.client_cas,
            audit_tasks,
            store,
            background,
            keeper,
            connections,
        })
    }

    /// Waits until everything that the server itself keeps has been made.
    pub async fn wait_ready(&self) {
        self.keeper.wait_done().await;
    }

    /// Takes this server from behind the `kubernetes` Service.
    pub async fn leave(&self) {
        self.keeper.stop().await;
    }

    /// Ends background work and closes the store.
    pub async fn close(self) {
        self.keeper.stop().await;
        self.connections.shutdown().await;
        self.background.cancel();
        self.audit_tasks.close(AUDIT_TIMEOUT).await;
        self.store.close().await;
    }
}

/// How requests are limited: fairly, with the configuration in the store, or by number.
async fn limits(
    options: &ServerOptions,
    routes: &Routes,
    metrics: &MetricsRegistry,
    background: &CancellationToken,
) -> Result<Limits, RunError> {
    let (reading, mutating) = (options.max_requests_inflight, options.max_mutating_requests_inflight);
    if !options.priority_and_fairness {
        return Ok(Limits::InFlight(InFlightLimits::new(
            reading as usize,
            mutating as usize,
        )));
    }
    let total = reading + mutating;
    if total == 0 {
        let message = "--max-requests-inflight and --max-mutating-requests-inflight can not both be 0 with \
                       --enable-priority-and-fairness";
        return Err(RunError::Option(message.to_owned()));
    }
    let controller = FlowController::new(total, FlowMetrics::new(metrics));
    let config = FlowControlConfig::new(controller.clone(), routes, background)?;
    config
        .ensure()
        .await
        .map_err(|status| RunError::Storage(format!("unable to initialize APF bootstrap configuration: {status}")))?;
    tokio::spawn(config.run(background.clone()));
    Ok(Limits::Fair(controller))
}

/// Installs every resource and waits until each cache has listed the store.
async fn install(
    options: &ServerOptions,
    store: &Arc<dyn Storage>,
    access: &Access,
    services: &Arc<ServiceHooks>,
    connections: &Connections,
    background: &CancellationToken,
) -> Result<Routes, RunError> {
    let gates = Arc::new(options.gates.clone());
    let directory = Arc::new(StoreDirectory::default());
    let environment = Environment {
        gates: gates.clone(),
        directory: directory.clone(),
        permissions: Permissions::new(access.authorization.authorizer.clone()),
        emulated: options.gates.emulation(),
    };
    let settings = Settings {
        allow_privileged: options.allow_privileged,
    };
    let mut installer = Installer {
        storage: store.clone(),
        prefix: normalize_prefix(&options.storage.etcd_prefix),
        gates,
        admission: admission_chain::build(&options.admission, &environment)?,
        event_ttl: Some(options.storage.event_ttl.to_std()).filter(|ttl| !ttl.is_zero()),
        routes: Routes::new(),
        cachers: Vec::new(),
    };
    resources::install_all(&mut installer, &settings, &access.grants, services);
    reviews::install(&mut installer, &access.authentication, &access.authorization);
    subresources::install(&mut installer, options, access, connections)?;
    directory.bind(&installer.routes);
    installer.start(background);
    for cacher in &installer.cachers {
        cacher
            .wait_ready(CACHE_TIMEOUT)
            .await
            .map_err(|_| RunError::Storage("the store did not answer the first list of every resource".to_owned()))?;
    }
    let interval = options.storage.compaction_interval.to_std();
    if !interval.is_zero() {
        tokio::spawn(apiserver_storage::run_compaction(
            store.clone(),
            interval,
            background.clone(),
        ));
    }
    Ok(installer.routes)
}

/// Serves until `stop` is cancelled and everything has come to its end.
///
/// # Errors
/// What keeps the server from starting.
pub async fn run(options: ServerOptions, version: VersionInfo, stop: CancellationToken) -> Result<(), RunError> {
    let plane = ControlPlane::start(&options, &version, stop.clone()).await?;
    let host = if options.external_hostname.is_empty() {
        "localhost"
    } else {
        &options.external_hostname
    };
    let alternate = [
        "kubernetes.default.svc",
        "kubernetes.default",
        "kubernetes",
        "localhost",
    ]
    .map(str::to_owned);
    let tls = options
        .secure_serving
        .tls(host, &[], &alternate, plane.client_cas.clone())?;
    let listener = options
        .secure_serving
        .listen()?
        .ok_or_else(|| RunError::Option("--secure-port 0 leaves nothing to serve on".to_owned()))?;
    tokio::spawn({
        let (tls, background) = (tls.clone(), plane.background.clone());
        async move { tls.run(background).await }
    });
    let serving = Server::of(Arc::new(ServerHandler(plane.server.clone())))
        .with_tls(tls)
        .with_settings(options.secure_serving.server_settings()?)
        .with_panic_response(|_| panic_response());
    // While requests are drained new ones already go elsewhere.
    let leaving = async {
        stop.cancelled().await;
        plane.leave().await;
    };
    tokio::join!(serving.serve(listener, stop.clone()), leaving);
    plane.close().await;
    Ok(())
}

/// A request that panicked is told so, in a Status.
fn panic_response() -> http::Response<Body> {
    let status = StatusError::internal_error("This request caused apiserver to panic. Look in the logs for details.");
    let mut response = http::Response::new(Body::from(status.into_status().to_json()));
    *response.status_mut() = http::StatusCode::INTERNAL_SERVER_ERROR;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(http::header::CONTENT_TYPE, json);
    response
}
