//! Runs the proxy from start to end.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use client_go::{
    Client, Config,
    config::ConfigError,
    events::{EventApi, EventBroadcaster, EventType},
    rest::metrics::RestMetrics,
    transport::TransportError,
};
use component_base::{
    lifecycle::notify_service_manager,
    metrics::{MetricsOptions, MetricsRegistry},
    program::Start,
};
use k8s_api::core::v1::ObjectReference;
use kube_proxy_lib::{
    backend::BackendError,
    config::KubeProxyConfiguration,
    health::{EventSink, ProxyHealth},
    metrics::Metrics,
    process::SystemCommands,
    types::NamespacedName,
};
use tokio_util::sync::CancellationToken;

use crate::{OptionsError, ProxyOptions, backends, feed, node, serve};

/// Why the proxy does not run.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// What the flags and the file say.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// How to reach the API server.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The connection's certificates or address.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The packet filter.
    #[error(transparent)]
    Backend(#[from] BackendError),
    /// A port.
    #[error("failed to listen on {address}")]
    Listen {
        /// Where.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The kernel does not let itself be set up.
    #[error("cannot set {name}")]
    Sysctl {
        /// The setting.
        name: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// The file of `--write-config-to`.
    #[error("cannot write {}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// Metrics.
    #[error(transparent)]
    Metrics(#[from] prometheus::Error),
}

/// Runs until `stop`. The rules stay: another proxy takes them over.
///
/// # Errors
/// What keeps it from running.
pub async fn run(options: ProxyOptions, start: Start) -> Result<(), RunError> {
    let Start {
        given, version, stop, ..
    } = start;
    let options = options.complete(&given)?;
    if let Some(path) = options.write_config_to {
        return write_configuration(path, &options.configuration);
    }
    let commands = Arc::new(SystemCommands);
    if options.cleanup {
        return backends::cleanup(&*commands);
    }
    let configuration = Arc::new(options.configuration);
    set_oom_score(configuration.oom_score_adj);
    backends::prepare_host(&configuration)?;
    if options.init_only {
        return Ok(());
    }
    let registry = MetricsRegistry::new(&MetricsOptions::default());
    registry.register_process(&version);
    let client = client(&configuration, &options.master, RestMetrics::new(&registry))?;
    let metrics = Arc::new(Metrics::new(registry.prometheus(), configuration.mode())?);
    let (period, _) = configuration.sync_periods();
    let health = Arc::new(ProxyHealth::new(period.to_std() * 2));
    listen(&configuration, registry, &metrics, &health, &stop).await?;
    let needs_pod_cidr = configuration.detect_local_mode == "NodeCIDR";
    let Some(node) = node::wait_for_node(&client, &options.node_name, needs_pod_cidr, &stop).await else {
        return Ok(());
    };
    let events = EventBroadcaster::new(client.clone(), EventApi::Events, "kube-proxy", &options.node_name);
    let recorder = events.recorder();
    let telling = tokio::spawn(events.run(stop.clone()));
    let reference = ObjectReference {
        kind: "Node".into(),
        name: options.node_name.clone(),
        uid: options.node_name.clone(),
        ..ObjectReference::default()
    };
    recorder.event_for(reference, None, EventType::Normal, "Starting", "StartKubeProxy", "");
    let proxiers = backends::proxiers(&backends::Parts {
        configuration: &configuration,
        node: &node,
        node_name: &options.node_name,
        commands,
        metrics: metrics.clone(),
        health: health.clone(),
        events: service_events(recorder),
    })?;
    let running: Vec<_> = proxiers
        .0
        .iter()
        .map(|proxier| tokio::spawn(proxier.clone().run(stop.clone())))
        .collect();
    let factory = feed::start(&client, &proxiers, &health, &node, &stop);
    if let Err(error) = notify_service_manager("READY=1") {
        tracing::warn!(%error, "the service manager cannot be told");
    }
    stop.cancelled().await;
    factory.shutdown().await;
    for task in running {
        if let Err(error) = task.await {
            tracing::error!(%error, "a proxier ended badly");
        }
    }
    if let Err(error) = telling.await {
        tracing::error!(%error, "the recorder of events ended badly");
    }
    Ok(())
}

fn write_configuration(path: PathBuf, configuration: &KubeProxyConfiguration) -> Result<(), RunError> {
    let value = serde_json::to_value(configuration).map_err(std::io::Error::from);
    let text = value.map(|value| format!("{value:#}\n"));
    match text.and_then(|text| std::fs::write(&path, text)) {
        Ok(()) => {
            tracing::info!(path = %path.display(), "Wrote configuration");
            Ok(())
        }
        Err(source) => Err(RunError::Write { path, source }),
    }
}

/// Lowering the score takes a privilege that a container may lack; it is then logged only.
fn set_oom_score(score: Option<i32>) {
    let Some(score) = score else { return };
    if let Err(error) = std::fs::write("/proc/self/oom_score_adj", score.to_string()) {
        tracing::info!(%error, score, "Failed to apply OOMScore");
    }
}

fn client(configuration: &KubeProxyConfiguration, master: &str, metrics: RestMetrics) -> Result<Client, RunError> {
    let connection = &configuration.client_connection;
    let file = (!connection.kubeconfig.is_empty()).then(|| PathBuf::from(&connection.kubeconfig));
    let config = Config::from_flags(file.as_deref(), master)?.with_user_agent("kube-proxy");
    Ok(Client::new(&Config {
        qps: connection.qps,
        burst: u32::try_from(connection.burst).unwrap_or(0),
        metrics: Some(metrics),
        ..config
    })?)
}

async fn listen(
    configuration: &Arc<KubeProxyConfiguration>,
    registry: MetricsRegistry,
    metrics: &Arc<Metrics>,
    health: &Arc<ProxyHealth>,
    stop: &CancellationToken,
) -> Result<(), RunError> {
    // A port that is taken ends the program only where that is asked for.
    let judge = |address: &str, source: std::io::Error| {
        let address = address.to_owned();
        let error = RunError::Listen { address, source };
        if configuration.bind_address_hard_fail {
            return Err(error);
        }
        tracing::error!(error = &error as &dyn std::error::Error, "not served");
        Ok(())
    };
    let address = configuration.metrics_bind_address.as_str();
    if let Ok(socket) = address.parse::<SocketAddr>()
        && let Err(source) = serve::metrics(socket, registry, configuration.clone(), stop.clone())
    {
        judge(address, source)?;
    }
    let address = configuration.healthz_bind_address.as_str();
    if let Ok(socket) = address.parse::<SocketAddr>() {
        match tokio::net::TcpListener::bind(socket).await {
            Ok(listener) => {
                tokio::spawn(health.clone().serve(listener, metrics.clone(), stop.clone()));
            }
            Err(source) => judge(address, source)?,
        }
    }
    Ok(())
}

fn service_events(recorder: client_go::events::EventRecorder) -> EventSink {
    Arc::new(move |service: &NamespacedName, reason: &'static str, note: &str| {
        let reference = ObjectReference {
            kind: "Service".into(),
            namespace: service.namespace.to_string(),
            name: service.name.to_string(),
            ..ObjectReference::default()
        };
        recorder.event_for(reference, None, EventType::Warning, reason, "Listen", note);
    })
}
