//! How long admission takes, by plugin and by phase.

use std::{
    fmt::{self, Debug},
    sync::{Arc, OnceLock},
    time::Duration,
};

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use prometheus::{Histogram, HistogramVec, IntCounterVec};

use super::Operation;

const SECONDS: [f64; 6] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5];

/// A phase of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Objects are changed.
    Admit,
    /// Objects are judged.
    Validate,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Validate => "validate",
        }
    }
}

/// The metrics of admission.
#[derive(Clone)]
pub struct AdmissionMetrics {
    plugins: Family<HistogramVec>,
    phases: Family<HistogramVec>,
    webhooks: WebhookMetrics,
}

/// The metrics of admission by webhooks.
#[derive(Clone)]
pub struct WebhookMetrics {
    durations: Family<HistogramVec>,
    requests: Family<IntCounterVec>,
    rejections: Family<IntCounterVec>,
    failed_open: Family<IntCounterVec>,
}

impl Debug for WebhookMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("WebhookMetrics").finish_non_exhaustive()
    }
}

/// Upper bounds for webhooks, which may take 30 seconds.
const WEBHOOK_SECONDS: [f64; 8] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5, 10.0, 25.0];
/// Codes above are counted as this one.
const MAX_CODE: i32 = 600;

impl Phase {
    /// The phase's name in the metrics of webhooks.
    fn of_webhooks(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Validate => "validating",
        }
    }
}

impl WebhookMetrics {
    fn new(registry: &MetricsRegistry) -> Self {
        let durations = MetricOpts::new(
            "apiserver_admission_webhook_admission_duration_seconds",
            "Seconds that a webhook took, by its name, operation, type (validating or admit) and whether it refused.",
        );
        let requests = MetricOpts::new(
            "apiserver_admission_webhook_request_total",
            "Calls of a webhook, by its name, type (validating or admit), operation, HTTP code and whether it refused.",
        );
        let rejections = MetricOpts::new(
            "apiserver_admission_webhook_rejection_count",
            "Refusals by a webhook, by its name, type (validating or admit), operation, kind of error (no_error where \
             the webhook said no) and the code it said.",
        );
        let failed_open = MetricOpts::new(
            "apiserver_admission_webhook_fail_open_count",
            "Failures of a webhook that were passed over, by its name and type (validating or admit).",
        );
        Self {
            durations: registry.histogram_vec(
                durations.stability(Stability::Stable),
                &["name", "type", "operation", "rejected"],
                &WEBHOOK_SECONDS,
            ),
            requests: registry.counter_vec(requests, &["name", "type", "operation", "code", "rejected"]),
            rejections: registry.counter_vec(
                rejections,
                &["name", "type", "operation", "error_type", "rejection_code"],
            ),
            failed_open: registry.counter_vec(failed_open, &["name", "type"]),
        }
    }

    /// A call has ended with this HTTP code.
    pub fn called(&self, name: &str, phase: Phase, operation: Operation, code: i32, rejected: bool, took: Duration) {
        let (phase, operation) = (phase.of_webhooks(), operation.as_str());
        let rejected = if rejected { "true" } else { "false" };
        let code = code.min(MAX_CODE).to_string();
        self.requests.with(&[name, phase, operation, &code, rejected]).inc();
        self.durations
            .with(&[name, phase, operation, rejected])
            .observe(took.as_secs_f64());
    }

    /// A request was refused: `calling_webhook_error`, `apiserver_internal_error` or `no_error` says how.
    pub fn rejected(&self, name: &str, phase: Phase, operation: Operation, error: &str, code: i32) {
        let code = code.min(MAX_CODE).to_string();
        self.rejections
            .with(&[name, phase.of_webhooks(), operation.as_str(), error, &code])
            .inc();
    }

    /// A failure was passed over.
    pub fn failed_open(&self, name: &str, phase: Phase) {
        self.failed_open.with(&[name, phase.of_webhooks()]).inc();
    }
}

impl Debug for AdmissionMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AdmissionMetrics").finish_non_exhaustive()
    }
}

impl AdmissionMetrics {
    /// Defines the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let plugins = MetricOpts::new(
            "apiserver_admission_controller_admission_duration_seconds",
            "Seconds that a plugin took, by its name, operation, phase (admit or validate) and whether it refused.",
        );
        let phases = MetricOpts::new(
            "apiserver_admission_step_admission_duration_seconds",
            "Seconds that all plugins together took, by operation, phase (admit or validate) and whether one refused.",
        );
        Self {
            plugins: registry.histogram_vec(
                plugins.stability(Stability::Stable),
                &["name", "type", "operation", "rejected"],
                &SECONDS,
            ),
            phases: registry.histogram_vec(
                phases.stability(Stability::Stable),
                &["type", "operation", "rejected"],
                &SECONDS,
            ),
            webhooks: WebhookMetrics::new(registry),
        }
    }

    /// The metrics of webhooks.
    #[must_use]
    pub fn webhooks(&self) -> &WebhookMetrics {
        &self.webhooks
    }

    pub(super) fn plugin(&self, name: &'static str, phase: Phase) -> Arc<Durations> {
        Arc::new(Durations::new(self.plugins.clone(), Some(name), phase))
    }

    pub(super) fn phase(&self, phase: Phase) -> Arc<Durations> {
        Arc::new(Durations::new(self.phases.clone(), None, phase))
    }
}

/// The histograms of one plugin or phase, by operation and outcome; each is there from its first observation on.
pub(super) struct Durations {
    family: Family<HistogramVec>,
    plugin: Option<&'static str>,
    phase: Phase,
    known: [[OnceLock<Histogram>; 2]; 4],
}

impl Debug for Durations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Durations")
            .field("plugin", &self.plugin)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Durations {
    fn new(family: Family<HistogramVec>, plugin: Option<&'static str>, phase: Phase) -> Self {
        Self {
            family,
            plugin,
            phase,
            known: Default::default(),
        }
    }

    pub(super) fn observe(&self, operation: Operation, refused: bool, took: Duration) {
        let slot = &self.known[operation as usize][usize::from(refused)];
        let histogram = slot.get_or_init(|| {
            let refused = if refused { "true" } else { "false" };
            let labels = [self.phase.as_str(), operation.as_str(), refused];
            let all: Vec<&str> = self.plugin.into_iter().chain(labels).collect();
            self.family.with(&all)
        });
        histogram.observe(took.as_secs_f64());
    }
}
