//! What clients count, under upstream's names.

use std::sync::OnceLock;
use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use http::{Method, StatusCode};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

const LATENCY: [f64; 12] = [0.005, 0.025, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0];
const SIZE: [f64; 11] = [
    64.0,
    256.0,
    512.0,
    1024.0,
    4096.0,
    16384.0,
    65536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// The metrics of all clients of a process.
#[derive(Clone)]
pub struct RestMetrics {
    requests: Family<IntCounterVec>,
    retries: Family<IntCounterVec>,
    latency: Family<HistogramVec>,
    rate_limiter_latency: Family<HistogramVec>,
    request_size: Family<HistogramVec>,
    response_size: Family<HistogramVec>,
    pub(crate) exec_plugin_calls: Family<IntCounterVec>,
}

impl RestMetrics {
    /// Registers the metrics.
    ///
    /// # Panics
    /// When they are registered already: a process has one set.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let by_host = &["verb", "host"];
        let opts = MetricOpts::new;
        Self {
            requests: registry.counter_vec(
                opts(
                    "rest_client_requests_total",
                    "HTTP requests by status code, method and host.",
                ),
                &["code", "method", "host"],
            ),
            retries: registry.counter_vec(
                opts(
                    "rest_client_request_retries_total",
                    "Repeated requests by status code, verb and host.",
                ),
                &["code", "verb", "host"],
            ),
            latency: registry.histogram_vec(
                opts(
                    "rest_client_request_duration_seconds",
                    "How long requests take, by verb and host.",
                ),
                by_host,
                &LATENCY,
            ),
            rate_limiter_latency: registry.histogram_vec(
                opts(
                    "rest_client_rate_limiter_duration_seconds",
                    "How long the client holds requests back, by verb and host.",
                ),
                by_host,
                &LATENCY,
            ),
            request_size: registry.histogram_vec(
                opts(
                    "rest_client_request_size_bytes",
                    "Size of requests' bodies, by verb and host.",
                ),
                by_host,
                &SIZE,
            ),
            response_size: registry.histogram_vec(
                opts(
                    "rest_client_response_size_bytes",
                    "Size of responses' bodies, by verb and host.",
                ),
                by_host,
                &SIZE,
            ),
            exec_plugin_calls: registry.counter_vec(
                opts(
                    "rest_client_exec_plugin_call_total",
                    "Runs of credential plugins by exit code and outcome.",
                ),
                &["code", "call_status"],
            ),
        }
    }
}

/// The methods and codes of nearly all requests, whose metrics are looked up once.
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
const CODES: [StatusCode; 2] = [StatusCode::OK, StatusCode::CREATED];

/// What is counted for one client.
pub(super) struct HostMetrics {
    all: RestMetrics,
    host: String,
    usual: [OnceLock<MethodMetrics>; METHODS.len()],
}

struct MethodMetrics {
    latency: Histogram,
    request_size: Histogram,
    response_size: Histogram,
    requests: [OnceLock<IntCounter>; CODES.len()],
}

impl HostMetrics {
    pub(super) fn new(all: RestMetrics, host: &str) -> Self {
        Self {
            all,
            host: host.to_owned(),
            usual: Default::default(),
        }
    }

    fn of_method<R>(&self, method: &Method, act: impl FnOnce(&MethodMetrics) -> R) -> R {
        let make = || {
            let labels = [method.as_str(), &self.host];
            MethodMetrics {
                latency: self.all.latency.with(&labels),
                request_size: self.all.request_size.with(&labels),
                response_size: self.all.response_size.with(&labels),
                requests: Default::default(),
            }
        };
        match METHODS.iter().position(|usual| usual == method) {
            Some(place) => act(self.usual[place].get_or_init(make)),
            None => act(&make()),
        }
    }

    /// A request had an answer, or none.
    pub(super) fn answered(&self, method: &Method, status: Option<StatusCode>, took: Duration, body: usize) {
        let count = || {
            self.all
                .requests
                .with(&[code(status.as_ref()), method.as_str(), &self.host])
        };
        let usual = CODES.iter().position(|usual| Some(*usual) == status);
        self.of_method(method, |metrics| {
            metrics.latency.observe(took.as_secs_f64());
            if body > 0 {
                metrics.request_size.observe(body as f64);
            }
            match usual {
                Some(place) => metrics.requests[place].get_or_init(count).inc(),
                None => count().inc(),
            }
        });
    }

    /// A response was read.
    pub(super) fn read(&self, method: &Method, body: usize) {
        self.of_method(method, |metrics| metrics.response_size.observe(body as f64));
    }

    /// A request is sent again.
    pub(super) fn sent_again(&self, method: &Method, status: Option<StatusCode>) {
        let labels = [code(status.as_ref()), method.as_str(), &self.host];
        self.all.retries.with(&labels).inc();
    }

    /// A request was held back by the rate limit.
    pub(super) fn held_back(&self, method: &Method, waited: Duration) {
        let histogram = self.all.rate_limiter_latency.with(&[method.as_str(), &self.host]);
        histogram.observe(waited.as_secs_f64());
    }
}

fn code(status: Option<&StatusCode>) -> &str {
    status.map_or("<error>", StatusCode::as_str)
}
