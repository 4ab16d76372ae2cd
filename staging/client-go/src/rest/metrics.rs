//! What clients count, under upstream's names.

use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use prometheus::{HistogramVec, IntCounterVec};

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
    pub(crate) requests: Family<IntCounterVec>,
    pub(crate) retries: Family<IntCounterVec>,
    pub(crate) latency: Family<HistogramVec>,
    pub(crate) rate_limiter_latency: Family<HistogramVec>,
    pub(crate) request_size: Family<HistogramVec>,
    pub(crate) response_size: Family<HistogramVec>,
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
