//! Runs the API server from start to orderly end.

use std::{path::Path, sync::Arc, time::Duration};

use admission_chain::{AdmissionError, Environment};
use apimachinery::status::StatusError;
use apiserver::{
    admission::{AdmissionMetrics, Permissions},
    proxy::ServiceResolver,
    server::{
        ApiServer, Authentication, Edge, InFlightLimits, Limits, RetryAfter, Routes, ServerConfig, ServerHandler,
    },
};
use apiserver_flowcontrol::{FlowController, FlowMetrics};
use apiserver_storage::etcd3::normalize_prefix;
use component_base::feature_gates::Feature;
use component_base::{
    health::HealthEndpoints,
    logs::LogHandle,
    metrics::{MetricOpts, MetricsRegistry},
    options::SecureServingError,
    serving::{Body, DynamicCaBundle, Handler, Server},
    version::{MINOR, VersionInfo},
};
use controlplane_keeps::Keeper;
use k8s_api::Kind as _;
use kubeapiserver::{OptionError, audit::AuditTasks, flowcontrol::FlowControlConfig};
use regex::Regex;
use registry::Settings;
use registry_allocators::ServiceHooks;
use streaming::Connections;
use tokio_util::sync::CancellationToken;

use crate::{
    access::Access,
    debug,
    documents::ApiDocuments,
    install::Installer,
    keeping::{self, Keeping},
    options::{ApiOptions, ServerOptions},
    resources, reviews,
    stores::Stores,
    subresources,
};

/// Connections that ended before they were any.
const HANDSHAKE_ERRORS: MetricOpts<'static> = MetricOpts::new(
    "apiserver_tls_handshake_errors_total",
    "Connections that ended in the TLS handshake.",
);
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
    metrics: MetricsRegistry,
    client_cas: Vec<Arc<DynamicCaBundle>>,
    audit_tasks: AuditTasks,
    stores: Stores,
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
        options.validate().map_err(RunError::Option)?;
        let background = CancellationToken::new();
        let mut shown = options.metrics.clone();
        shown.complete().map_err(|error| RunError::Option(error.to_string()))?;
        let metrics = MetricsRegistry::new(&shown);
        metrics.register_process(version);
        options.gates.register_metrics(&metrics);
        let access = Access::new(options, &metrics, &background)?;
        let audit_tasks = AuditTasks::default();
        let audit = options.audit.build(&audit_tasks)?;
        let stores = Stores::open(&options.storage, &background).await;
        let stores = stores.map_err(|error| RunError::Storage(error.to_string()))?;
        let connections = Connections::new();
        let services = ServiceHooks::new(Arc::new(options.gates.clone()));
        let keeping = Keeping::new(options, services.clone())?;
        let directory = Arc::default();
        let environment = Environment {
            gates: Arc::new(options.gates.clone()),
            services: ServiceResolver::over(&directory, options.generic.aggregator_routing)
                .with_loopback(options.loopback_address()),
            directory,
            permissions: Permissions::new(access.authorization.authorizer.clone()),
            emulated: options.gates.emulation(),
            registry: metrics.clone(),
            metrics: AdmissionMetrics::new(&metrics),
        };
        let routes = install(
            options,
            &stores,
            &access,
            &services,
            &connections,
            &environment,
            &background,
        )
        .await?;
        let (bound, limits) = tokio::join!(
            access.bind(&routes, &background),
            limits(options, &routes, &metrics, &background)
        );
        bound?;
        let mut health = HealthEndpoints::new();
        stores.add_checks(&options.storage, &mut health);
        stores.measure(&options.storage, &metrics, &background);
        let hooks = keeping::announce(&mut health, options.generic.livez_grace_period.to_std());
        let keeper = keeping.start(options, &routes, stores.own(), hooks)?;
        health.add_shutdown(stop);
        let documents = Arc::new(ApiDocuments::new(
            &version.git_version,
            options.public_address(),
            access.authentication.documents.clone(),
        ));
        let routes = served(&options.apis, routes, &documents);
        let config = ServerConfig {
            authentication: Authentication {
                chain: access.authentication.chain.clone(),
                audiences: access.authentication.audiences.clone(),
            },
            authorizer: access.authorization.authorizer.clone(),
            audit,
            constrained_impersonation: options.gates.enabled(Feature::ConstrainedImpersonation),
            limits: limits?,
            connections: connections.clone(),
            edge: edge(options)?,
            documents,
            version: version.clone().with_effective(MINOR, MINOR - 1).to_json(),
        };
        Ok(Self {
            server: ApiServer::new(config, routes, health, metrics.clone()),
            metrics,
            client_cas: access.authentication.client_cas,
            audit_tasks,
            stores,
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
        self.stores.close().await;
    }
}

/// How requests are limited: fairly, with the configuration in the store, or by number.
async fn limits(
    options: &ServerOptions,
    routes: &Routes,
    metrics: &MetricsRegistry,
    background: &CancellationToken,
) -> Result<Limits, RunError> {
    let places = |limit: i64| u32::try_from(limit).unwrap_or_default();
    let reading = places(options.generic.max_requests_inflight);
    let mutating = places(options.generic.max_mutating_requests_inflight);
    if !options.generic.priority_and_fairness {
        return Ok(Limits::InFlight(InFlightLimits::new(
            reading as usize,
            mutating as usize,
        )));
    }
    let total = reading.saturating_add(mutating);
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

/// The resources that `--runtime-config` leaves; the others' stores stay for what the server itself keeps.
fn served(apis: &ApiOptions, mut routes: Routes, documents: &ApiDocuments) -> Routes {
    routes.retain(|(group, version, resource), _| {
        let serves = apis.serves(group, version, resource);
        if !serves {
            documents.withdraw(group, version, resource);
        }
        serves
    });
    routes
}

/// How requests are treated at the server's edge.
fn edge(options: &ServerOptions) -> Result<Edge, RunError> {
    let generic = &options.generic;
    let pattern = |text: &String| {
        Regex::new(text).map_err(|error| {
            RunError::Option(format!(
                "--cors-allowed-origins has an invalid regular expression: {error}"
            ))
        })
    };
    let security = generic.strict_transport_security().map_err(RunError::Option)?;
    let security = (!security.is_empty()).then(|| http::HeaderValue::from_str(&security));
    Ok(Edge {
        request_limit: generic.request_limit(),
        min_watch: Duration::from_secs(generic.min_request_timeout.unsigned_abs()),
        goaway_chance: generic.goaway_chance,
        transport_security: security
            .transpose()
            .map_err(|error| RunError::Option(error.to_string()))?,
        origins: generic
            .cors_allowed_origins
            .iter()
            .map(pattern)
            .collect::<Result<_, _>>()?,
    })
}

/// Installs every resource and waits until each cache has listed the store.
async fn install(
    options: &ServerOptions,
    stores: &Stores,
    access: &Access,
    services: &Arc<ServiceHooks>,
    connections: &Connections,
    environment: &Environment,
    background: &CancellationToken,
) -> Result<Routes, RunError> {
    let encryption = options.storage.encryption().map_err(RunError::Option)?;
    if let Some(keys) = encryption.clone().filter(|_| options.storage.encryption_reload) {
        tokio::spawn(keys.follow(background.clone()));
    }
    let settings = Settings {
        allow_privileged: options.allow_privileged,
    };
    let mut installer = Installer {
        storage: stores.own().clone(),
        elsewhere: stores.elsewhere.clone(),
        uncached: !options.storage.watch_cache,
        uncached_resources: options.storage.uncached().map_err(RunError::Option)?,
        prefix: normalize_prefix(&options.storage.etcd_prefix),
        gates: environment.gates.clone(),
        admission: admission_chain::build(&options.admission, environment)?,
        media: options.storage.media().map_err(RunError::Option)?,
        encryption,
        garbage_collection: options.storage.garbage_collector,
        event_ttl: Some(options.storage.event_ttl.to_std()).filter(|ttl| !ttl.is_zero()),
        routes: Routes::new(),
        cachers: Vec::new(),
    };
    resources::install_all(&mut installer, &settings, &access.grants, services);
    reviews::install(&mut installer, &access.authentication, &access.authorization);
    let health = stores.check(&options.storage);
    subresources::install(&mut installer, options, access, connections, health)?;
    environment.directory.bind(&installer.routes);
    installer.start(background);
    for cacher in &installer.cachers {
        cacher
            .wait_ready(options.generic.storage_initialization_timeout.to_std())
            .await
            .map_err(|_| RunError::Storage("the store did not answer the first list of every resource".to_owned()))?;
    }
    stores.compact(&options.storage, background);
    Ok(installer.routes)
}

/// Serves until `stop` is cancelled and everything has come to its end.
///
/// # Errors
/// What keeps the server from starting.
pub async fn run(
    options: ServerOptions,
    version: VersionInfo,
    log: LogHandle,
    stop: CancellationToken,
) -> Result<(), RunError> {
    let plane = ControlPlane::start(&options, &version, stop.clone()).await?;
    serve_debug(&options, &plane, &log)?;
    let advertised = options.advertised_ip();
    let services = options.services.complete(advertised).map_err(RunError::Option)?;
    let names = ["kubernetes.default.svc", "kubernetes.default", "kubernetes"].map(str::to_owned);
    let tls = options.secure_serving.tls(
        &advertised.to_string(),
        &[services.first_ip],
        &names,
        plane.client_cas.clone(),
    )?;
    let listener = options
        .secure_serving
        .listen()?
        .ok_or_else(|| RunError::Option("--secure-port 0 leaves nothing to serve on".to_owned()))?;
    tokio::spawn({
        let (tls, background) = (tls.clone(), plane.background.clone());
        async move { tls.run(background).await }
    });
    let mut settings = options.secure_serving.server_settings()?;
    settings.drain_limit = options.generic.request_limit().unwrap_or(settings.drain_limit);
    let watches = options.generic.shutdown_watch_grace_period.to_std();
    if !watches.is_zero() {
        settings.long_running_limit = watches;
    }
    // Load balancers see that /readyz fails before connections are refused.
    let (draining, stopping) = (CancellationToken::new(), CancellationToken::new());
    let handler: Arc<dyn Handler> = Arc::new(ServerHandler(plane.server.clone()));
    let retry_after = RetryAfter::new(handler.clone(), draining.clone());
    let sends_retry_after = options.generic.shutdown_send_retry_after;
    let handler = if sends_retry_after {
        Arc::new(retry_after.clone())
    } else {
        handler
    };
    let drain_limit = settings.drain_limit;
    let serving = Server::of(handler)
        .with_tls(tls)
        .with_settings(settings)
        .with_handshake_errors(plane.metrics.counter(HANDSHAKE_ERRORS))
        .with_panic_response(|_| panic_response());
    // While requests are drained new ones already go elsewhere.
    let leaving = async {
        stop.cancelled().await;
        plane.leave().await;
    };
    let delay = async {
        stop.cancelled().await;
        tokio::time::sleep(options.generic.shutdown_delay.to_std()).await;
        draining.cancel();
        if sends_retry_after && tokio::time::timeout(drain_limit, retry_after.drained()).await.is_err() {
            tracing::warn!(limit = ?drain_limit, "requests are still in flight after the limit");
        }
        stopping.cancel();
    };
    tokio::join!(serving.serve(listener, stopping.clone()), leaving, delay);
    plane.close().await;
    Ok(())
}

/// Serves what is below `/debug/`, on the secure port if profiling is on, and on a socket of its own if there is one.
fn serve_debug(options: &ServerOptions, plane: &ControlPlane, log: &LogHandle) -> Result<(), RunError> {
    let generic = &options.generic;
    if generic.debugging.enable_profiling {
        plane.server.serve_debug(Arc::new(debug::router(log)));
    }
    if !generic.debug_socket_path.is_empty() {
        let path = Path::new(&generic.debug_socket_path);
        let served = debug::serve_socket(path, log, plane.background.clone());
        served.map_err(|error| RunError::Option(format!("--debug-socket-path {}: {error}", path.display())))?;
    }
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
