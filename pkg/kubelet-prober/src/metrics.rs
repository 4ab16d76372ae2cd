//! What is counted of probes, by upstream's names; served at `/metrics/probes`.

use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use prometheus::{HistogramVec, IntCounterVec};

use crate::results::{ProbeKind, Verdict};

const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// The figures of probes.
#[derive(Clone)]
pub struct ProbeMetrics {
    total: Family<IntCounterVec>,
    durations: Family<HistogramVec>,
}

/// Whose probe it is.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'a> {
    pub(crate) kind: ProbeKind,
    pub(crate) container: &'a str,
    pub(crate) pod: &'a str,
    pub(crate) namespace: &'a str,
    pub(crate) uid: &'a str,
}

const RESULTS: [&str; 3] = ["successful", "failed", "unknown"];

impl ProbeMetrics {
    /// Registers them.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let total = MetricOpts::new(
            "prober_probe_total",
            "Cumulative number of a liveness, readiness or startup probe for a container by result.",
        )
        .stability(Stability::Beta);
        let durations = MetricOpts::new(
            "prober_probe_duration_seconds",
            "Duration in seconds for a probe response.",
        );
        let labels = ["probe_type", "result", "container", "pod", "namespace", "pod_uid"];
        Self {
            total: registry.counter_vec(total, &labels),
            durations: registry.histogram_vec(durations, &["probe_type", "container", "pod", "namespace"], &BUCKETS),
        }
    }

    /// A probe came to this verdict; one that failed tells nothing of how long an answer takes.
    pub(crate) fn observe(&self, subject: Subject<'_>, verdict: Verdict, took: Duration) {
        let Subject {
            kind,
            container,
            pod,
            namespace,
            uid,
        } = subject;
        let result = match verdict {
            Verdict::Success => RESULTS[0],
            Verdict::Failure => RESULTS[1],
            Verdict::Unknown => RESULTS[2],
        };
        let kind = kind.as_str();
        self.total.with(&[kind, result, container, pod, namespace, uid]).inc();
        if verdict != Verdict::Failure {
            let duration = self.durations.with(&[kind, container, pod, namespace]);
            duration.observe(took.as_secs_f64());
        }
    }

    /// The container is probed no more.
    pub(crate) fn forget(&self, subject: Subject<'_>) {
        let (kind, container, pod) = (subject.kind.as_str(), subject.container, subject.pod);
        for result in RESULTS {
            let labels = [kind, result, container, pod, subject.namespace, subject.uid];
            self.total.forget(&labels);
        }
        self.durations.forget(&[kind, container, pod, subject.namespace]);
    }
}
