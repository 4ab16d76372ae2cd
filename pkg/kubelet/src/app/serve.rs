//! The node's API: its port, its certificate and who may come in.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use component_base::feature_gates::Feature;
use component_base::logs::LogHandle;
use component_base::metrics::{MetricOpts, MetricsRegistry};
use component_base::serving::{
    CertificateSource, DynamicCaBundle, ListenOptions, Listener, Server, ServingTls, TlsProtocol, find_or_generate,
};
use component_base::version::VersionInfo;
use component_server::reviews::Reviews;
use k8s_api::core::v1::Pod;
use kubelet_certificate::Store;
use kubelet_config::{KubeletConfiguration, KubeletOptions};
use kubelet_prober::StatusSource;
use kubelet_server::{Access, Host, NodeServer, ServerParts};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::assemble::Node;
use super::{RunError, certificates, healthz};
use crate::pods::PodStore;
use crate::status::StatusWriter;

/// A taken port is tried so often, with such pauses.
const BIND_TRIES: u32 = 20;
const BIND_PAUSE: Duration = Duration::from_millis(250);

/// The pods as the node's API shows them.
struct View {
    pods: Arc<PodStore>,
    statuses: Arc<StatusWriter>,
}

impl View {
    /// The pod with the status that was computed last, which the API server may not have yet.
    fn latest(&self, pod: &Arc<Pod>) -> Arc<Pod> {
        match self.statuses.pod_status(&pod.metadata.uid) {
            Some(status) if *status != pod.status => Arc::new(Pod {
                status: Arc::unwrap_or_clone(status),
                ..Pod::clone(pod)
            }),
            _ => pod.clone(),
        }
    }
}

impl Host for View {
    fn pods(&self) -> Vec<Arc<Pod>> {
        self.pods.list().iter().map(|pod| self.latest(pod)).collect()
    }

    fn pod_by_name(&self, namespace: &str, name: &str) -> Option<Arc<Pod>> {
        let pods = self.pods.list();
        let named = |pod: &&Arc<Pod>| pod.metadata.name == name && pod.metadata.namespace == namespace;
        // Of two pods of one name the one that is not going is meant.
        let found = pods
            .iter()
            .filter(named)
            .min_by_key(|pod| pod.metadata.deletion_timestamp.is_some());
        found.map(|pod| self.latest(pod))
    }
}

/// What TLS is made of.
struct Secure {
    protocol: TlsProtocol,
    source: CertificateSource,
    client_cas: Option<Arc<DynamicCaBundle>>,
    /// Where the certificate will lie, if it has to be waited for.
    awaited: Option<Store>,
}

impl Secure {
    fn tls(&self) -> Result<Arc<ServingTls>, RunError> {
        let authorities = self.client_cas.iter().cloned().collect();
        let tls = ServingTls::new(
            self.protocol.clone(),
            Some(self.source.clone()),
            Vec::new(),
            authorities,
        );
        tls.map(Arc::new).map_err(|error| RunError::Refused(error.to_string()))
    }
}

/// The ports of the node's API.
pub(super) struct Ports {
    secure: Option<(Listener, Secure)>,
    read_only: Option<Listener>,
}

/// Binds a port; one that another kubelet holds still, which is going, is waited for.
pub(super) async fn bind(address: IpAddr, port: i32) -> Result<Listener, RunError> {
    let address = SocketAddr::new(address, u16::try_from(port).unwrap_or_default());
    for _ in 0..BIND_TRIES {
        match Listener::bind(address, ListenOptions::default()) {
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => tokio::time::sleep(BIND_PAUSE).await,
            bound => return bound.map_err(|error| RunError::io(format!("listen tcp {address}: bind"), error)),
        }
    }
    Listener::bind(address, ListenOptions::default())
        .map_err(|error| RunError::io(format!("listen tcp {address}: bind"), error))
}

/// Binds the ports and loads the certificates.
pub(super) async fn listen(options: &KubeletOptions, name: &str) -> Result<Ports, RunError> {
    let kc = &options.configuration;
    let mut ports = Ports {
        secure: None,
        read_only: None,
    };
    let Some(address) = kc.address.address().filter(|_| kc.enable_server) else {
        return Ok(ports);
    };
    let refused = |error: &dyn std::fmt::Display| RunError::Refused(error.to_string());
    let authorities = &kc.authentication.x509.client_ca_file;
    let client_cas = if authorities.is_empty() {
        None
    } else {
        let bundle = DynamicCaBundle::from_file(authorities);
        let bundle =
            bundle.map_err(|error| refused(&format!("unable to load client CA file {authorities}: {error}")))?;
        Some(Arc::new(bundle))
    };
    let protocol = TlsProtocol {
        min_version: kc.tls_min_version.clone(),
        cipher_suites: kc.tls_cipher_suites.clone(),
        curve_preferences: kc.tls_curve_preferences.clone(),
        disable_http2: false,
    };
    let awaited = certificates::serving_store(options);
    let source = match &awaited {
        Some(store) => CertificateSource::Files {
            cert: store.current_path(),
            key: store.current_path(),
        },
        None => certificate(options, name)?,
    };
    let secure = Secure {
        protocol,
        source,
        client_cas,
        awaited,
    };
    if secure.awaited.is_none() {
        // What is wrong with it is to be known at once.
        secure.tls()?;
    }
    ports.secure = Some((bind(address, kc.port).await?, secure));
    if kc.read_only_port > 0 {
        ports.read_only = Some(bind(address, kc.read_only_port).await?);
    }
    Ok(ports)
}

/// The serving certificate: as given, or one of the kubelet's own.
fn certificate(options: &KubeletOptions, name: &str) -> Result<CertificateSource, RunError> {
    let kc = &options.configuration;
    if !kc.tls_cert_file.is_empty() && !kc.tls_private_key_file.is_empty() {
        return Ok(CertificateSource::Files {
            cert: PathBuf::from(&kc.tls_cert_file),
            key: PathBuf::from(&kc.tls_private_key_file),
        });
    }
    let directory = Path::new(&options.flags.cert_directory);
    let files = find_or_generate(directory, "kubelet", name, &[], &[]);
    let files = files.map_err(|error| RunError::Refused(format!("unable to generate self signed cert: {error}")))?;
    Ok(CertificateSource::Files {
        cert: files.cert,
        key: files.key,
    })
}

fn access(
    kc: &KubeletConfiguration,
    node: &Node,
    client_cas: Option<Arc<DynamicCaBundle>>,
) -> Result<Access, RunError> {
    let reviews = node.client.clone().map(Reviews::new);
    let webhook = &kc.authorization.webhook;
    let times = (
        webhook.cache_authorized_ttl.to_std(),
        webhook.cache_unauthorized_ttl.to_std(),
    );
    let authorization = match (kc.authorization.mode.as_str(), &reviews) {
        ("Webhook", Some(reviews)) => Some((reviews.clone(), times.0, times.1)),
        ("Webhook", None) => {
            return Err(RunError::Refused(
                "no client provided, cannot use webhook authorization".to_owned(),
            ));
        }
        _ => None,
    };
    let tokens = match (kc.authentication.webhook.enabled, reviews) {
        (true, Some(reviews)) => Some((reviews, kc.authentication.webhook.cache_ttl.to_std())),
        (true, None) => {
            return Err(RunError::Refused(
                "no token review client provided, cannot use webhook authentication".to_owned(),
            ));
        }
        (false, _) => None,
    };
    Ok(Access {
        client_cas,
        tokens,
        anonymous: kc.authentication.anonymous.enabled,
        authorization,
    })
}

/// The figures of the kubelet itself.
fn registry(options: &KubeletOptions, node: &Node, version: &VersionInfo) -> MetricsRegistry {
    let registry = node.metrics.clone();
    registry.register_process(version);
    options.gates.register_metrics(&registry);
    let name = registry.gauge_vec(
        MetricOpts::new("kubelet_node_name", "The node's name. The count is always 1."),
        &["node"],
    );
    name.with(&[&node.name]).set(1);
    node.kubelet.pleg().register_metrics(&registry);
    registry
}

/// Serves the node's API.
pub(super) fn start(
    node: &Node,
    options: &KubeletOptions,
    version: &VersionInfo,
    log: &LogHandle,
    ports: Ports,
    tasks: &mut JoinSet<()>,
    cancel: &CancellationToken,
) -> Result<(), RunError> {
    let kc = &options.configuration;
    let parts = Arc::new(ServerParts {
        host: Arc::new(View {
            pods: node.pods.clone(),
            statuses: node.statuses.clone(),
        }),
        runtime: node.runtime.clone(),
        stats: node.stats.clone(),
        health: Arc::new(healthz::endpoints(node)),
        metrics: registry(options, node, version),
        probe_metrics: node.probe_metrics.clone(),
        configuration: serde_json::to_value(kc).unwrap_or_default(),
        log: log.clone(),
        root: PathBuf::from(&options.flags.root_directory),
        debugging: kc.enable_debugging_handlers,
        system_logs: kc.enable_system_log_handler,
        debug_flags: kc.enable_debug_flags_handler,
        split_streams: options.gates.enabled(Feature::PodLogsQuerySplitStreams),
    });
    if let Some((listener, secure)) = ports.secure {
        let access = access(kc, node, secure.client_cas.clone())?;
        let server = NodeServer::new(parts.clone(), access.guard(&node.name));
        if let Some(bundle) = secure.client_cas.clone() {
            tasks.spawn(bundle.run(cancel.clone()));
        }
        let (connections, token) = (server.connections().clone(), cancel.clone());
        tasks.spawn(async move {
            token.cancelled().await;
            connections.shutdown().await;
        });
        let token = cancel.clone();
        tasks.spawn(async move {
            if let Some(store) = &secure.awaited
                && token.run_until_cancelled(certificates::wait_for(store)).await.is_none()
            {
                return;
            }
            match secure.tls() {
                Ok(tls) => {
                    let renewing = tokio::spawn(tls.clone().run(token.clone()));
                    Server::new(server).with_tls(tls).serve(listener, token).await;
                    renewing.abort();
                }
                Err(error) => tracing::error!(%error, "the node's API cannot be served"),
            }
        });
    }
    if let Some(listener) = ports.read_only {
        let (server, token) = (NodeServer::read_only(parts), cancel.clone());
        tasks.spawn(async move { Server::new(server).serve(listener, token).await });
    }
    Ok(())
}
