//! How often remembered answers about tokens do (upstream: `pkg/authentication/token/cache/stats.go`).

use std::time::Instant;

use component_base::metrics::{Children, MetricOpts, MetricsRegistry};
use prometheus::{DEFAULT_BUCKETS, HistogramVec, IntCounterVec, IntGaugeVec};

/// The figures of all caches of a server.
#[derive(Debug)]
pub struct TokenCacheMetrics {
    requests: Children<IntCounterVec, 2>,
    durations: Children<HistogramVec, 2>,
    fetches: Children<IntCounterVec, 2>,
    active: Children<IntGaugeVec, 2>,
}

/// Which of the active fetches is meant.
#[derive(Clone, Copy)]
enum Active {
    Blocked,
    InFlight,
}

/// Something that goes on until this is dropped.
struct Going<'m>(&'m TokenCacheMetrics, Active);

impl<'m> Going<'m> {
    fn new(metrics: &'m TokenCacheMetrics, what: Active) -> Self {
        metrics.active.get(what as usize).inc();
        Self(metrics, what)
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.0.active.get(self.1 as usize).dec();
    }
}

impl TokenCacheMetrics {
    /// Publishes the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let opts = |name, help| MetricOpts::new(name, help);
        let status = ["status"];
        Self {
            requests: Children::of_values(
                registry.counter_vec(
                    opts(
                        "authentication_token_cache_request_total",
                        "Tokens asked about, by whether the answer was remembered (hit) or not (miss).",
                    ),
                    &status,
                ),
                ["hit", "miss"],
            ),
            durations: Children::of_values(
                registry.histogram_vec(
                    opts(
                        "authentication_token_cache_request_duration_seconds",
                        "Seconds until the answer about a token, by whether it was remembered (hit) or not (miss).",
                    ),
                    &status,
                    DEFAULT_BUCKETS,
                ),
                ["hit", "miss"],
            ),
            fetches: Children::of_values(
                registry.counter_vec(
                    opts(
                        "authentication_token_cache_fetch_total",
                        "Questions about tokens to those who know them, by whether there was an answer (ok) or not (error).",
                    ),
                    &status,
                ),
                ["ok", "error"],
            ),
            active: Children::of_values(
                registry.gauge_vec(
                    opts(
                        "authentication_token_cache_active_fetch_count",
                        "Requests that wait for an answer about a token (blocked) and questions under way (in_flight).",
                    ),
                    &status,
                ),
                ["blocked", "in_flight"],
            ),
        }
    }

    /// A request waits until the result is dropped.
    pub(super) fn blocked(&self) -> impl Drop {
        Going::new(self, Active::Blocked)
    }

    /// A question is under way until the result is dropped.
    pub(super) fn fetching(&self) -> impl Drop {
        Going::new(self, Active::InFlight)
    }

    /// A question has been answered, or not.
    pub(super) fn fetched(&self, answered: bool) {
        self.fetches.get(usize::from(!answered)).inc();
    }

    /// A request has its answer.
    pub(super) fn answered(&self, hit: bool, begun: Instant) {
        let which = usize::from(!hit);
        self.requests.get(which).inc();
        self.durations.get(which).observe(begun.elapsed().as_secs_f64());
    }
}
