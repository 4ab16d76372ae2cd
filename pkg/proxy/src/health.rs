//! Health over HTTP: `/healthz` and `/livez` of the proxy itself, and the health check node ports of services.
//!
//! `/livez` says whether rules keep up with changes; `/healthz` also whether the node wants traffic from load balancers.
//! A health check node port tells a balancer whether this node has endpoints of one service.
//! Counterpart upstream: `healthcheck`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use component_base::serving::{Body, Listener, Server, ServerSettings};
use http::{Request, Response, StatusCode};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::metrics::Metrics;
use crate::node_ports::NodePortAddresses;
use crate::types::{IpFamily, NamespacedName};

/// A client that does not send its request in this time is cut off.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct FamilyState {
    updated: Option<Timestamp>,
    oldest_pending: Option<Instant>,
}

/// Whether the rules keep up. Shared by the proxiers of both families.
#[derive(Debug)]
pub struct ProxyHealth {
    timeout: Duration,
    families: Mutex<BTreeMap<&'static str, FamilyState>>,
    node_eligible: Mutex<bool>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FamilyReport {
    last_updated: Timestamp,
    healthy: bool,
}

/// The body of `/healthz` and `/livez`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    last_updated: Timestamp,
    current_time: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    node_eligible: Option<bool>,
    healthy: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    status: BTreeMap<&'static str, FamilyReport>,
}

impl ProxyHealth {
    /// Health is lost when a change waits for longer than `timeout` (upstream: twice the sync period). The node does
    /// not count as eligible before it is known.
    #[must_use]
    pub fn new(timeout: Duration) -> Self {
        Self {
            timeout,
            families: Mutex::default(),
            node_eligible: Mutex::new(false),
        }
    }

    /// A change waits to be written.
    pub fn queued(&self, family: IpFamily) {
        self.families
            .lock()
            .entry(family.as_str())
            .or_default()
            .oldest_pending
            .get_or_insert_with(Instant::now);
    }

    /// Everything known is written.
    pub fn updated(&self, family: IpFamily) {
        let mut families = self.families.lock();
        let state = families.entry(family.as_str()).or_default();
        state.updated = Some(Timestamp::now());
        state.oldest_pending = None;
    }

    /// The node exists, is not being deleted and not tainted for removal by the cluster autoscaler
    /// (`ToBeDeletedByClusterAutoscaler`).
    pub fn set_node_eligible(&self, eligible: bool) {
        *self.node_eligible.lock() = eligible;
    }

    /// True when no change waits for too long.
    #[must_use]
    pub fn healthy(&self) -> bool {
        self.report().healthy
    }

    fn report(&self) -> Report {
        let families = self.families.lock();
        let mut status = BTreeMap::new();
        let mut last_updated = None;
        for (family, state) in families.iter() {
            // A family that never was updated has nothing to report on.
            let Some(updated) = state.updated else { continue };
            let healthy = state.oldest_pending.is_none_or(|since| since.elapsed() < self.timeout);
            last_updated = last_updated.max(Some(updated));
            status.insert(
                *family,
                FamilyReport {
                    last_updated: updated,
                    healthy,
                },
            );
        }
        Report {
            last_updated: last_updated.unwrap_or_else(zero_time),
            current_time: Timestamp::now(),
            node_eligible: None,
            healthy: status.values().all(|report| report.healthy),
            status,
        }
    }

    /// Answers `/healthz` and `/livez`; `None` for other paths.
    fn answer(&self, path: &str, metrics: &Metrics) -> Option<Response<Body>> {
        let mut report = self.report();
        let (healthy, counter) = match path {
            "/healthz" => {
                let eligible = *self.node_eligible.lock();
                report.node_eligible = Some(eligible);
                (report.healthy && eligible, &metrics.healthz)
            }
            "/livez" => (report.healthy, &metrics.livez),
            _ => return None,
        };
        if healthy {
            // Old clients take a last update in the past for a hung proxy.
            report.last_updated = report.current_time;
        }
        let status = if healthy {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        counter.with_label_values(&[status.as_str()]).inc();
        let body = serde_json::to_vec(&report).expect("the report has string keys only");
        Some(json(status, body, None))
    }

    /// Serves `/healthz` and `/livez` until `cancel`.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, metrics: Arc<Metrics>, cancel: CancellationToken) {
        let answer = move |request: &Request<Body>| {
            self.answer(request.uri().path(), &metrics).unwrap_or_else(|| {
                let mut response = Response::new(Body::from("404 page not found\n"));
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            })
        };
        serve(listener, answer, cancel).await;
    }
}

/// Go's zero time, which is what "never" looks like to clients.
fn zero_time() -> Timestamp {
    jiff::civil::date(1, 1, 1)
        .at(0, 0, 0, 0)
        .to_zoned(jiff::tz::TimeZone::UTC)
        .map_or(Timestamp::UNIX_EPOCH, |zoned| zoned.timestamp())
}

fn json(status: StatusCode, body: Vec<u8>, weight: Option<usize>) -> Response<Body> {
    let mut response = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, "application/json")
        .header(http::header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if let Some(weight) = weight {
        response = response.header("X-Load-Balancing-Endpoint-Weight", weight);
    }
    response
        .body(Body::from(body))
        .expect("the headers are constants and a number")
}

async fn serve(
    listener: TcpListener,
    answer: impl Fn(&Request<Body>) -> Response<Body> + Send + Sync + 'static,
    cancel: CancellationToken,
) {
    let handler = move |request: Request<Body>| std::future::ready(answer(&request));
    let settings = ServerSettings {
        head_limit: HEADER_TIMEOUT,
        ..ServerSettings::default()
    };
    let server = Server::new(handler).with_settings(settings);
    server.serve(Listener::Tcp(listener), cancel).await;
}

/// Called when a health check node port cannot be opened: service, event reason, message.
pub type EventSink = Arc<dyn Fn(&NamespacedName, &'static str, &str) + Send + Sync>;

struct Instance {
    port: u16,
    endpoints: Arc<Mutex<usize>>,
    cancel: CancellationToken,
}

/// The health check node ports of one family. Must be used within a tokio runtime.
pub struct ServiceHealthServer {
    node_name: Arc<str>,
    family: IpFamily,
    addresses: NodePortAddresses,
    proxy: Arc<ProxyHealth>,
    events: Option<EventSink>,
    runtime: tokio::runtime::Handle,
    instances: BTreeMap<NamespacedName, Instance>,
}

impl ServiceHealthServer {
    /// A server without services; its tasks run on `runtime`.
    pub fn new(
        node_name: impl Into<Arc<str>>,
        family: IpFamily,
        addresses: NodePortAddresses,
        proxy: Arc<ProxyHealth>,
        events: Option<EventSink>,
        runtime: tokio::runtime::Handle,
    ) -> Self {
        Self {
            node_name: node_name.into(),
            family,
            addresses,
            proxy,
            events,
            runtime,
            instances: BTreeMap::new(),
        }
    }

    /// Opens and closes ports so that exactly `wanted` are served: port and number of local endpoints by service.
    /// Ports that cannot be opened are tried again by the next call.
    pub fn sync(&mut self, wanted: &BTreeMap<NamespacedName, (u16, usize)>) {
        self.instances.retain(|service, instance| {
            let keep = wanted.get(service).is_some_and(|(port, _)| *port == instance.port);
            if !keep {
                instance.cancel.cancel();
            }
            keep
        });
        for (service, (port, endpoints)) in wanted {
            if let Some(instance) = self.instances.get(service) {
                *instance.endpoints.lock() = *endpoints;
                continue;
            }
            match self.open(service, *port, *endpoints) {
                Ok(instance) => {
                    self.instances.insert(service.clone(), instance);
                }
                Err(error) => {
                    let node = &self.node_name;
                    let message =
                        format!("node {node} failed to start healthcheck \"{service}\" on port {port}: {error}");
                    tracing::error!("{message}");
                    if let Some(events) = &self.events {
                        events(service, "FailedToStartServiceHealthcheck", &message);
                    }
                }
            }
        }
    }

    fn listen_addresses(&self) -> Vec<IpAddr> {
        let any = match self.family {
            IpFamily::V4 => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            IpFamily::V6 => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
        };
        if self.addresses.match_all() {
            return vec![any];
        }
        self.addresses.node_ips().unwrap_or_else(|error| {
            tracing::error!(%error, "failed to get node ip addresses, health check ports listen on all of them");
            vec![any]
        })
    }

    fn open(&self, service: &NamespacedName, port: u16, endpoints: usize) -> std::io::Result<Instance> {
        let instance = Instance {
            port,
            endpoints: Arc::new(Mutex::new(endpoints)),
            cancel: CancellationToken::new(),
        };
        let _guard = self.runtime.enter();
        let mut listeners = Vec::new();
        for ip in self.listen_addresses() {
            listeners.push(listen(SocketAddr::new(ip, port))?);
        }
        for listener in listeners {
            let (service, proxy, endpoints) = (service.clone(), self.proxy.clone(), instance.endpoints.clone());
            let answer = move |_: &Request<Body>| service_answer(&service, *endpoints.lock(), proxy.healthy());
            self.runtime.spawn(serve(listener, answer, instance.cancel.clone()));
        }
        Ok(instance)
    }
}

impl Drop for ServiceHealthServer {
    fn drop(&mut self) {
        for instance in self.instances.values() {
            instance.cancel.cancel();
        }
    }
}

/// Listens on one family only: the other family's server has the same port.
fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        tokio::net::TcpSocket::new_v4()?
    } else {
        tokio::net::TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    if address.is_ipv6() {
        nix::sys::socket::setsockopt(&socket, nix::sys::socket::sockopt::Ipv6V6Only, &true)?;
    }
    socket.bind(address)?;
    socket.listen(128)
}

fn service_answer(service: &NamespacedName, endpoints: usize, healthy: bool) -> Response<Body> {
    let status = if endpoints > 0 && healthy {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    // The layout of this body is part of what load balancers' checks are matched against.
    let body = format!(
        "{{\n\t\"service\": {{\n\t\t\"namespace\": \"{}\",\n\t\t\"name\": \"{}\"\n\t}},\n\t\"localEndpoints\": {endpoints},\n\t\"serviceProxyHealthy\": {healthy}\n}}",
        service.namespace, service.name
    );
    json(status, body.into_bytes(), Some(endpoints))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn get(port: u16, path: &str) -> std::io::Result<String> {
        let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").as_bytes())
            .await?;
        let mut text = String::new();
        stream.read_to_string(&mut text).await?;
        Ok(text)
    }

    #[tokio::test]
    async fn proxy_health() {
        let metrics = Arc::new(Metrics::new(&prometheus::Registry::new(), "nftables").unwrap());
        let health = Arc::new(ProxyHealth::new(Duration::ZERO));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, cancel) = (listener.local_addr().unwrap().port(), CancellationToken::new());
        let task = tokio::spawn(health.clone().serve(listener, metrics.clone(), cancel.clone()));
        health.updated(IpFamily::V4);
        let answer = get(port, "/healthz").await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 503") && answer.contains("\"nodeEligible\":false"),
            "{answer}"
        );
        assert!(get(port, "/livez").await.unwrap().starts_with("HTTP/1.1 200"));
        health.set_node_eligible(true);
        let answer = get(port, "/healthz").await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200") && answer.contains("\"status\":{\"IPv4\":{"),
            "{answer}"
        );
        health.queued(IpFamily::V4);
        let answer = get(port, "/livez").await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 503") && !answer.contains("nodeEligible"),
            "{answer}"
        );
        assert!(get(port, "/other").await.unwrap().starts_with("HTTP/1.1 404"));
        assert!((metrics.healthz.with_label_values(&["503"]).get() - 1.0).abs() < f64::EPSILON);
        cancel.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn service_health_ports() {
        let free = TcpListener::bind("0.0.0.0:0").await.unwrap();
        let port = free.local_addr().unwrap().port();
        let messages = Arc::new(Mutex::new(Vec::new()));
        let sink: EventSink = {
            let messages = messages.clone();
            Arc::new(move |_, reason, message| messages.lock().push(format!("{reason}: {message}")))
        };
        let proxy = Arc::new(ProxyHealth::new(Duration::from_secs(60)));
        let addresses = NodePortAddresses::new(IpFamily::V4, &[]);
        let runtime = tokio::runtime::Handle::current();
        let mut server = ServiceHealthServer::new("node-1", IpFamily::V4, addresses, proxy, Some(sink), runtime);
        let name = NamespacedName::new("ns", "lb");
        let wanted = |endpoints| BTreeMap::from([(name.clone(), (port, endpoints))]);
        server.sync(&wanted(1));
        let message = messages.lock().first().cloned().expect("the port is taken");
        let expected = format!(
            "FailedToStartServiceHealthcheck: node node-1 failed to start healthcheck \"ns/lb\" on port {port}: "
        );
        assert!(message.starts_with(&expected), "{message}");
        drop(free);
        server.sync(&wanted(2));
        let answer = get(port, "/").await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        assert!(
            answer
                .to_ascii_lowercase()
                .contains("x-load-balancing-endpoint-weight: 2"),
            "{answer}"
        );
        assert!(answer.ends_with("{\n\t\"service\": {\n\t\t\"namespace\": \"ns\",\n\t\t\"name\": \"lb\"\n\t},\n\t\"localEndpoints\": 2,\n\t\"serviceProxyHealthy\": true\n}"), "{answer}");
        server.sync(&wanted(0));
        assert!(get(port, "/").await.unwrap().starts_with("HTTP/1.1 503"));
        server.sync(&BTreeMap::new());
        while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
            tokio::task::yield_now().await;
        }
    }
}
