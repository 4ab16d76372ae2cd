//! Requests (upstream: `endpoints/metrics/metrics.go`).
//!
//! A request's labels make a [`Series`]: its children are looked up once, then kept under the labels' text, so that
//! counting a request costs a hash of some fifty bytes and a few additions.

use std::{
    cell::RefCell,
    collections::HashMap,
    pin::Pin,
    sync::{Arc, OnceLock},
    task::{Context, Poll},
    time::Duration,
};

use arc_swap::ArcSwap;
use component_base::{
    metrics::{Children, Family, MetricOpts, MetricsRegistry, Stability},
    serving::{Body, BoxError},
};
use http::{Response, StatusCode};
use http_body::Body as _;
use parking_lot::{Mutex, RwLock};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

use super::{
    WatchMetrics,
    labels::{COMPONENT, LABELS, Labels, OTHER_METHOD},
};
use crate::{
    endpoints::{Call, Endpoint},
    request::RequestContext,
};

const SECONDS: [f64; 23] = [
    0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 15.0, 20.0, 30.0,
    45.0, 60.0,
];
/// How many of the smallest bounds the indicator of service levels goes without.
const FINE: usize = 2;
const RESPONSE_BYTES: [f64; 7] = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9];
/// Kinds of requests: those that read, those that change something.
const KINDS: [&str; 2] = ["readOnly", "mutating"];

/// The children of one combination of labels.
#[derive(Debug)]
struct Series {
    values: Vec<String>,
    codes: RwLock<Vec<(u16, IntCounter)>>,
    duration: Histogram,
    indicator: OnceLock<Histogram>,
    size: OnceLock<Histogram>,
    running: OnceLock<IntGauge>,
}

struct Families {
    totals: Family<IntCounterVec>,
    durations: Family<HistogramVec>,
    indicators: Family<HistogramVec>,
    sizes: Family<HistogramVec>,
    running: Family<IntGaugeVec>,
    terminations: Family<IntCounterVec>,
    deprecated: Family<IntGaugeVec>,
}

fn values(owned: &[String]) -> Vec<&str> {
    owned.iter().map(String::as_str).collect()
}

impl Families {
    fn series(&self, labels: &Labels<'_>, deprecated: bool) -> Series {
        let with_dry_run = labels.values_with_dry_run();
        if deprecated {
            let removed = "";
            let values = [
                labels.group,
                labels.version,
                labels.resource,
                labels.subresource,
                removed,
            ];
            self.deprecated.with(&values).set(1);
        }
        Series {
            duration: self.durations.with(&with_dry_run),
            values: with_dry_run.map(str::to_owned).to_vec(),
            codes: RwLock::default(),
            indicator: OnceLock::new(),
            size: OnceLock::new(),
            running: OnceLock::new(),
        }
    }
}

impl Series {
    /// The values without that of a dry run.
    fn shared(&self) -> Vec<&str> {
        let mut values = values(&self.values);
        values.remove(1);
        values
    }

    fn code(&self, families: &Families, code: StatusCode) -> IntCounter {
        let number = code.as_u16();
        let known = |codes: &[(u16, IntCounter)]| {
            let mut codes = codes.iter();
            codes
                .find(|(known, _)| *known == number)
                .map(|(_, counter)| counter.clone())
        };
        if let Some(counter) = known(&self.codes.read()) {
            return counter;
        }
        let mut all = values(&self.values);
        all.push(code.as_str());
        let counter = families.totals.with(&all);
        let mut codes = self.codes.write();
        if known(&codes).is_none() {
            codes.push((number, counter.clone()));
        }
        counter
    }

    fn running(&self, families: &Families) -> &IntGauge {
        self.running.get_or_init(|| families.running.with(&self.shared()))
    }

    fn observe(&self, families: &Families, code: StatusCode, took: Duration, excluded: Duration, size: Option<u64>) {
        self.code(families, code).inc();
        self.duration.observe(took.as_secs_f64());
        if self.values[1].is_empty() {
            let indicator = self.indicator.get_or_init(|| families.indicators.with(&self.shared()));
            indicator.observe(took.saturating_sub(excluded).as_secs_f64());
        }
        if let Some(size) = size.filter(|_| matches!(self.values[0].as_str(), "GET" | "LIST")) {
            let sizes = self.size.get_or_init(|| families.sizes.with(&self.shared()));
            #[allow(clippy::cast_precision_loss, reason = "sizes fall into coarse buckets")]
            sizes.observe(size as f64);
        }
    }
}

/// What is counted of requests.
#[derive(Clone)]
pub(in crate::server) struct RequestMetrics(Arc<Inner>);

struct Inner {
    families: Families,
    series: ArcSwap<HashMap<Box<str>, Arc<Series>>>,
    /// Held while a series is added.
    adding: Mutex<()>,
    executing: Children<IntGaugeVec, 2>,
    queued: Children<IntGaugeVec, 2>,
    watches: WatchMetrics,
}

/// A request that is among those under way until this is dropped.
pub(in crate::server) struct UnderWay(IntGauge);

impl UnderWay {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.dec();
    }
}

thread_local! {
    /// The text of the labels that are being looked for.
    static KEY: RefCell<String> = const { RefCell::new(String::new()) };
}

impl RequestMetrics {
    #[allow(clippy::too_many_lines, reason = "a table of metrics")]
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let stable = |name, help| MetricOpts::new(name, help).stability(Stability::Stable);
        let alpha = |name, help| MetricOpts::new(name, help);
        let [verb, rest @ ..] = LABELS;
        let with_dry_run: Vec<&str> = [verb, "dry_run"].into_iter().chain(rest).collect();
        let with_code: Vec<&str> = with_dry_run.iter().copied().chain(["code"]).collect();
        let terminated: Vec<&str> = LABELS.into_iter().chain(["code"]).collect();
        let families = Families {
            totals: registry.counter_vec(
                stable(
                    "apiserver_request_total",
                    "Requests, by verb, dry run, group, version, resource, subresource, scope, component and HTTP code.",
                ),
                &with_code,
            ),
            durations: registry.histogram_vec(
                stable(
                    "apiserver_request_duration_seconds",
                    "Seconds until the answer, by verb, dry run, group, version, resource, subresource, scope and \
                     component.",
                ),
                &with_dry_run,
                &SECONDS,
            ),
            indicators: registry.histogram_vec(
                alpha(
                    "apiserver_request_sli_duration_seconds",
                    "Seconds until the answer without those that webhooks and flow control's queues took, by verb, group, \
                     version, resource, subresource, scope and component.",
                ),
                &LABELS,
                &SECONDS[FINE..],
            ),
            sizes: registry.histogram_vec(
                stable(
                    "apiserver_response_sizes",
                    "Bytes of answers to reading requests, by verb, group, version, resource, subresource, scope and \
                     component.",
                ),
                &LABELS,
                &RESPONSE_BYTES,
            ),
            running: registry.gauge_vec(
                stable(
                    "apiserver_longrunning_requests",
                    "Long-running requests under way, by verb, group, version, resource, subresource, scope and component.",
                ),
                &LABELS,
            ),
            terminations: registry.counter_vec(
                alpha(
                    "apiserver_request_terminations_total",
                    "Requests that the server ended in self-defence.",
                ),
                &terminated,
            ),
            deprecated: registry.gauge_vec(
                stable(
                    "apiserver_requested_deprecated_apis",
                    "Deprecated APIs that have been asked for, by group, version, resource, subresource and the release \
                     that will be without them.",
                ),
                &["group", "version", "resource", "subresource", "removed_release"],
            ),
        };
        let inflight = registry.gauge_vec(
            stable(
                "apiserver_current_inflight_requests",
                "Requests under way, by kind (readOnly or mutating).",
            ),
            &["request_kind"],
        );
        let queued = registry.gauge_vec(
            alpha(
                "apiserver_current_inqueue_requests",
                "Requests that wait for flow control, by kind (readOnly or mutating).",
            ),
            &["request_kind"],
        );
        let (executing, queued) = (Children::of_values(inflight, KINDS), Children::of_values(queued, KINDS));
        for kind in 0..KINDS.len() {
            // There from the start.
            executing.get(kind).set(0);
            queued.get(kind).set(0);
        }
        Self(Arc::new(Inner {
            families,
            series: ArcSwap::default(),
            adding: Mutex::new(()),
            executing,
            queued,
            watches: WatchMetrics::new(registry),
        }))
    }

    /// What is counted of watches.
    pub(in crate::server) fn watches(&self) -> &WatchMetrics {
        &self.0.watches
    }

    fn series(&self, labels: &Labels<'_>, deprecated: bool) -> Arc<Series> {
        KEY.with_borrow_mut(|key| {
            key.clear();
            for value in labels.values_with_dry_run() {
                key.push_str(value);
                key.push('\0');
            }
            if let Some(series) = self.0.series.load().get(key.as_str()) {
                return series.clone();
            }
            let _adding = self.0.adding.lock();
            let known = self.0.series.load_full();
            if let Some(series) = known.get(key.as_str()) {
                return series.clone();
            }
            let series = Arc::new(self.0.families.series(labels, deprecated));
            let mut all = HashMap::clone(&known);
            all.insert(key.as_str().into(), series.clone());
            self.0.series.store(Arc::new(all));
            series
        })
    }

    /// A request for a resource begins to be answered. `None` for what no route has.
    pub(in crate::server) fn resource(&self, call: &Call<'_>, endpoint: &Endpoint) -> Option<Tracked> {
        let subresource = &call.context.info.subresource;
        if !subresource.is_empty() && !endpoint.subresources.contains_key(subresource) {
            return None;
        }
        let labels = Labels::of_resource(call, endpoint);
        let served = labels.verb != OTHER_METHOD;
        served.then(|| self.tracked(call, &labels, !endpoint.deprecation.is_empty()))
    }

    /// A request for a document or a health check is to be answered.
    pub(in crate::server) fn path(&self, call: &Call<'_>, path: &'static str) -> Tracked {
        self.tracked(call, &Labels::of_path(call, path), false)
    }

    fn tracked(&self, call: &Call<'_>, labels: &Labels<'_>, deprecated: bool) -> Tracked {
        let series = self.series(labels, deprecated);
        let long = call.context.info.is_long_running();
        if long {
            series.running(&self.0.families).inc();
        }
        Tracked {
            metrics: self.clone(),
            series,
            long,
            begun: call.context.begun,
            outcome: None,
        }
    }

    fn kind(context: &RequestContext) -> usize {
        let reads = matches!(
            context.info.verb.as_str(),
            "get" | "list" | "watch" | "head" | "options"
        );
        usize::from(!reads)
    }

    /// The request is under way until the result is dropped.
    pub(in crate::server) fn executing(&self, context: &RequestContext) -> UnderWay {
        UnderWay::new(self.0.executing.get(Self::kind(context)))
    }

    /// The request waits until the result is dropped.
    pub(in crate::server) fn queued(&self, context: &RequestContext) -> UnderWay {
        UnderWay::new(self.0.queued.get(Self::kind(context)))
    }

    /// The server has no room for a request.
    pub(in crate::server) fn dropped(&self, call: &Call<'_>, endpoint: Option<&Endpoint>) {
        if let Some(endpoint) = endpoint {
            let labels = Labels::of_resource(call, endpoint);
            let code = StatusCode::TOO_MANY_REQUESTS;
            self.series(&labels, false).code(&self.0.families, code).inc();
        }
        self.terminated(call, endpoint, StatusCode::TOO_MANY_REQUESTS);
    }

    /// The server ended a request with this code.
    pub(in crate::server) fn terminated(&self, call: &Call<'_>, endpoint: Option<&Endpoint>, code: StatusCode) {
        let labels = match endpoint {
            Some(endpoint) => Labels::of_resource(call, endpoint),
            None => Labels {
                component: COMPONENT,
                ..Labels::of_path(call, "")
            },
        };
        let values = labels.values().into_iter().chain([code.as_str()]);
        self.0.families.terminations.with(&values.collect::<Vec<_>>()).inc();
    }
}

/// A request that is being answered: counted when this is dropped, if there was an answer.
pub(in crate::server) struct Tracked {
    metrics: RequestMetrics,
    series: Arc<Series>,
    long: bool,
    begun: std::time::Instant,
    outcome: Option<Outcome>,
}

struct Outcome {
    code: StatusCode,
    excluded: Duration,
    size: Option<u64>,
}

impl Tracked {
    /// The answer is there; a long-running one's time ends with its body.
    pub(in crate::server) fn answered(mut self, context: &RequestContext, response: Response<Body>) -> Response<Body> {
        let size = response.body().size_hint();
        self.outcome = Some(Outcome {
            code: response.status(),
            excluded: context.waited(),
            size: Some(size.exact().unwrap_or(size.lower())),
        });
        if self.long && response.status() == StatusCode::OK {
            return response.map(|body| Body::boxed(TrackedBody { body, _tracked: self }));
        }
        response
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        let families = &self.metrics.0.families;
        if self.long {
            self.series.running(families).dec();
        }
        if let Some(Outcome { code, excluded, size }) = self.outcome.take() {
            self.series
                .observe(families, code, self.begun.elapsed(), excluded, size);
        }
    }
}

/// The body of a long-running answer.
struct TrackedBody {
    body: Body,
    _tracked: Tracked,
}

impl http_body::Body for TrackedBody {
    type Data = bytes::Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
