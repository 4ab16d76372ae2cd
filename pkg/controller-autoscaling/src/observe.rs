//! What is counted, by upstream's names.

use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use prometheus::{HistogramVec, IntCounterVec, IntGauge, IntGaugeVec};

/// From one millisecond, doubling.
const BUCKETS: [f64; 15] = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192, 16.384,
];

/// The metrics of the controller.
#[derive(Clone)]
pub(crate) struct Observations {
    reconciliations: Family<IntCounterVec>,
    durations: Family<HistogramVec>,
    computations: Family<IntCounterVec>,
    computing: Family<HistogramVec>,
    pub(crate) autoscalers: IntGauge,
    pub(crate) desired: Family<IntGaugeVec>,
}

/// What was done.
pub(crate) fn action(before: i32, after: i32) -> &'static str {
    match after.cmp(&before) {
        std::cmp::Ordering::Greater => "scale_up",
        std::cmp::Ordering::Less => "scale_down",
        std::cmp::Ordering::Equal => "none",
    }
}

impl Observations {
    pub(crate) fn new(registry: &MetricsRegistry) -> Self {
        let opts = MetricOpts::new;
        let labels = ["action", "error"];
        let of_metrics = ["action", "error", "metric_type"];
        Self {
            reconciliations: registry.counter_vec(
                opts(
                    "horizontal_pod_autoscaler_controller_reconciliations_total",
                    "Syncs of autoscalers.",
                ),
                &labels,
            ),
            durations: registry.histogram_vec(
                opts(
                    "horizontal_pod_autoscaler_controller_reconciliation_duration_seconds",
                    "How long syncs of autoscalers take.",
                ),
                &labels,
                &BUCKETS,
            ),
            computations: registry.counter_vec(
                opts(
                    "horizontal_pod_autoscaler_controller_metric_computation_total",
                    "Proposals made from metrics.",
                ),
                &of_metrics,
            ),
            computing: registry.histogram_vec(
                opts(
                    "horizontal_pod_autoscaler_controller_metric_computation_duration_seconds",
                    "How long proposals take.",
                ),
                &of_metrics,
                &BUCKETS,
            ),
            autoscalers: registry.gauge(opts(
                "horizontal_pod_autoscaler_controller_num_horizontal_pod_autoscalers",
                "How many autoscalers there are.",
            )),
            desired: registry.gauge_vec(
                opts(
                    "horizontal_pod_autoscaler_controller_desired_replicas",
                    "How many pods an autoscaler wants.",
                ),
                &["namespace", "hpa_name"],
            ),
        }
    }

    pub(crate) fn reconciled(&self, action: &str, error: &str, took: Duration) {
        self.reconciliations.with(&[action, error]).inc();
        self.durations.with(&[action, error]).observe(took.as_secs_f64());
    }

    pub(crate) fn computed(&self, action: &str, error: &str, kind: &str, took: Duration) {
        let labels = [action, error, kind];
        self.computations.with(&labels).inc();
        self.computing.with(&labels).observe(took.as_secs_f64());
    }
}
