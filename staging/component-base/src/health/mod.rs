//! `/healthz`, `/livez` and `/readyz`: named checks behind three paths, with the texts that probes and people know.
//!
//! A component makes one [`HealthEndpoints`], adds its checks and asks it first about every path. All checks of a request
//! run at once. Why a check failed is logged, and shown only under the check's own path, which the authorizer can guard.
//!
//! Counterpart upstream: `k8s.io/apiserver/pkg/server/healthz`.

mod checks;

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use http::{HeaderValue, Response, StatusCode, header};
use prometheus::{IntCounterVec, IntGaugeVec};
use tokio_util::sync::CancellationToken;

use crate::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use crate::serving::Body;

pub use checks::{CheckFn, DelayedCheck, GroupedCheck, LogCheck, PingCheck, ShutdownCheck};

/// Why a check failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct HealthError(pub String);

/// One named check.
pub trait HealthCheck: Send + Sync {
    /// The name in paths and texts.
    fn name(&self) -> &str;

    /// A name under which several checks can be excluded together.
    fn group(&self) -> Option<&str> {
        None
    }

    /// Looks. Must not take longer than a probe waits.
    fn check(&self) -> BoxFuture<'_, Result<(), HealthError>>;
}

/// Counts and last results of checks; `kubernetes_healthcheck` and `kubernetes_healthchecks_total`.
#[derive(Clone)]
pub struct HealthMetrics {
    last: Family<IntGaugeVec>,
    total: Family<IntCounterVec>,
}

impl HealthMetrics {
    /// Defines the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let last = MetricOpts::new(
            "kubernetes_healthcheck",
            "The last result of a health check: 1 passed, 0 failed.",
        );
        let total = MetricOpts::new("kubernetes_healthchecks_total", "The results of health checks.");
        Self {
            last: registry.gauge_vec(last.stability(Stability::Stable), &["name", "type"]),
            total: registry.counter_vec(total.stability(Stability::Stable), &["name", "type", "status"]),
        }
    }

    fn observe(&self, check: &str, endpoint: &str, passed: bool) {
        self.last.with(&[check, endpoint]).set(i64::from(passed));
        self.total
            .with(&[check, endpoint, if passed { "success" } else { "error" }])
            .inc();
    }
}

/// The checks of one path.
struct Endpoint {
    name: &'static str,
    checks: Vec<Arc<dyn HealthCheck>>,
}

/// The three paths.
pub struct HealthEndpoints {
    healthz: Endpoint,
    livez: Endpoint,
    readyz: Endpoint,
    metrics: Option<HealthMetrics>,
    ready: CancellationToken,
    was_ready: AtomicBool,
}

impl Default for HealthEndpoints {
    fn default() -> Self {
        Self::new()
    }
}

impl HealthEndpoints {
    /// The paths with the `ping` and `log` checks that every component has.
    #[must_use]
    pub fn new() -> Self {
        let endpoint = |name| Endpoint {
            name,
            checks: Vec::new(),
        };
        let mut endpoints = Self {
            healthz: endpoint("healthz"),
            livez: endpoint("livez"),
            readyz: endpoint("readyz"),
            metrics: None,
            ready: CancellationToken::new(),
            was_ready: AtomicBool::new(false),
        };
        endpoints.add(Arc::new(PingCheck));
        endpoints.add(Arc::new(LogCheck));
        endpoints
    }

    /// Reports results to these metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: HealthMetrics) -> Self {
        self.metrics = Some(metrics);
        self
    }

    /// Adds a check to all three paths.
    pub fn add(&mut self, check: Arc<dyn HealthCheck>) {
        self.add_boot_sequence(check, Duration::ZERO);
    }

    /// Adds a check to all three paths; `/livez` takes it for passed until the grace period is over.
    pub fn add_boot_sequence(&mut self, check: Arc<dyn HealthCheck>, livez_grace_period: Duration) {
        self.healthz.checks.push(Arc::clone(&check));
        self.add_livez(Arc::clone(&check), livez_grace_period);
        self.readyz.checks.push(check);
    }

    /// Adds a check to `/livez` only.
    pub fn add_livez(&mut self, check: Arc<dyn HealthCheck>, grace_period: Duration) {
        self.livez.checks.push(if grace_period.is_zero() {
            check
        } else {
            Arc::new(DelayedCheck::new(check, grace_period))
        });
    }

    /// Adds a check to `/readyz` only.
    pub fn add_readyz(&mut self, check: Arc<dyn HealthCheck>) {
        self.readyz.checks.push(check);
    }

    /// Makes `/readyz` fail once the token is cancelled.
    pub fn add_shutdown(&mut self, shutting_down: CancellationToken) {
        self.add_readyz(Arc::new(ShutdownCheck::new(shutting_down)));
    }

    /// Cancelled when `/readyz` passes for the first time.
    #[must_use]
    pub fn has_been_ready(&self) -> CancellationToken {
        self.ready.clone()
    }

    /// Answers the request if its path is one of ours, whatever its method; `None` otherwise.
    pub async fn respond(&self, path: &str, query: Option<&str>) -> Option<Response<Body>> {
        let (first, rest) = match path.strip_prefix('/')?.split_once('/') {
            Some((first, rest)) => (first, Some(rest)),
            None => (path.strip_prefix('/')?, None),
        };
        let endpoint = [&self.healthz, &self.livez, &self.readyz]
            .into_iter()
            .find(|endpoint| endpoint.name == first)?;
        match rest {
            None | Some("") => Some(self.respond_all(endpoint, query.unwrap_or_default()).await),
            Some(name) => {
                let check = endpoint.checks.iter().find(|check| check.name() == name)?;
                Some(match check.check().await {
                    Ok(()) => passed("ok".to_owned()),
                    Err(error) => failed(format!("internal server error: {error}\n")),
                })
            }
        }
    }

    /// The three paths and those of their single checks.
    #[must_use]
    pub fn paths(&self) -> Vec<String> {
        let endpoints = [&self.healthz, &self.livez, &self.readyz].into_iter();
        let of = |endpoint: &Endpoint| {
            let root = format!("/{}", endpoint.name);
            let checks = endpoint.checks.iter().map(|check| format!("{root}/{}", check.name()));
            std::iter::once(root.clone()).chain(checks).collect::<Vec<_>>()
        };
        endpoints.flat_map(of).collect()
    }

    /// Whether every check of `/readyz` passes now.
    pub async fn is_ready(&self) -> bool {
        self.respond_all(&self.readyz, "").await.status() == StatusCode::OK
    }

    async fn respond_all(&self, endpoint: &Endpoint, query: &str) -> Response<Body> {
        let mut excluded = BTreeSet::new();
        let mut verbose = false;
        for (key, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*key {
                "exclude" => {
                    excluded.insert(value.into_owned());
                }
                "verbose" => verbose = true,
                _ => {}
            }
        }
        let outcomes = join_all(endpoint.checks.iter().map(|check| async {
            let skip = excluded.contains(check.name()) || check.group().is_some_and(|group| excluded.contains(group));
            if skip { None } else { Some(check.check().await) }
        }))
        .await;

        let mut unknown = excluded.clone();
        let (mut text, mut reasons, mut failures) = (String::new(), String::new(), Vec::new());
        for (check, outcome) in endpoint.checks.iter().zip(outcomes) {
            let name = check.name();
            if let (Some(metrics), Some(outcome)) = (&self.metrics, &outcome) {
                metrics.observe(name, endpoint.name, outcome.is_ok());
            }
            // Formatting into a String cannot fail.
            let _ = match (outcome, check.group()) {
                (Some(Ok(())), _) => writeln!(text, "[+]{name} ok"),
                (Some(Err(error)), _) => {
                    failures.push(name);
                    let _ = write!(reasons, "[-]{name} failed: {error}; ");
                    writeln!(text, "[-]{name} failed: reason withheld")
                }
                (None, _) if excluded.contains(name) => {
                    unknown.remove(name);
                    writeln!(text, "[+]{name} excluded: ok")
                }
                (None, group) => {
                    let group = group.unwrap_or_default();
                    unknown.remove(group);
                    writeln!(text, "[+]{name} excluded with {group}: ok")
                }
            };
        }
        if !unknown.is_empty() {
            let names = unknown
                .iter()
                .map(|name| format!("{name:?}"))
                .collect::<Vec<_>>()
                .join(",");
            let _ = writeln!(
                text,
                "warn: some health checks cannot be excluded: no matches for {names}"
            );
        }
        if !failures.is_empty() {
            tracing::info!(
                v = 2,
                "{} check failed: {}: {reasons}",
                failures.join(","),
                endpoint.name
            );
            return failed(format!("{text}{} check failed\n", endpoint.name));
        }
        if endpoint.name == "readyz" && !self.was_ready.swap(true, Ordering::Relaxed) {
            self.ready.cancel();
        }
        passed(if verbose {
            format!("{text}{} check passed\n", endpoint.name)
        } else {
            "ok".to_owned()
        })
    }
}

fn passed(text: String) -> Response<Body> {
    plain(StatusCode::OK, text)
}

fn failed(text: String) -> Response<Body> {
    plain(StatusCode::INTERNAL_SERVER_ERROR, text)
}

fn plain(status: StatusCode, text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
