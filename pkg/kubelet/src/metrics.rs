//! What the kubelet counts of its work, under upstream's names: calls to the runtime, syncs of pods, cgroups.

use std::sync::Arc;
use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use cri_client::api::Method;
use prometheus::{DEFAULT_BUCKETS, Histogram, HistogramVec, IntCounter, IntCounterVec, exponential_buckets};

/// What a worker does with its pod.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyncKind {
    /// For the first time.
    Create,
    /// Again.
    Sync,
    /// It ends it.
    Kill,
}

impl SyncKind {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Sync => "sync",
            Self::Kill => "kill",
        }
    }
}

/// The figures of a kubelet's own work.
pub struct KubeletMetrics {
    operations: Family<IntCounterVec>,
    operation_errors: Family<IntCounterVec>,
    operation_seconds: Family<HistogramVec>,
    started_pods: IntCounter,
    started_pod_errors: IntCounter,
    worker_seconds: Family<HistogramVec>,
    pod_start: Histogram,
    pod_start_total: Histogram,
    cgroup_seconds: Family<HistogramVec>,
}

/// Bounds for the time until a pod runs, in seconds.
const START: [f64; 25] = [
    0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 20.0, 30.0, 45.0, 60.0, 120.0, 180.0, 240.0, 300.0, 360.0, 480.0,
    600.0, 900.0, 1200.0, 1800.0, 2700.0, 3600.0,
];

/// What upstream calls an operation: `run_podsandbox`, `list_containers`.
fn operation_name(method: Method) -> String {
    if method == Method::UpdateContainerResources {
        return "update_container".to_owned();
    }
    let mut name = String::new();
    for c in method.name().replace("PodSandbox", "Podsandbox").chars() {
        if c.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(c.to_ascii_lowercase());
    }
    name
}

impl KubeletMetrics {
    /// Publishes them.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Arc<Self> {
        let operation = ["operation_type"];
        let bounds = exponential_buckets(0.005, 2.5, 14).expect("bounds that grow");
        let opts = MetricOpts::new;
        Arc::new(Self {
            operations: registry.counter_vec(
                opts(
                    "kubelet_runtime_operations_total",
                    "Calls to the runtime, by operation.",
                ),
                &operation,
            ),
            operation_errors: registry.counter_vec(
                opts(
                    "kubelet_runtime_operations_errors_total",
                    "Calls to the runtime that failed, by operation.",
                ),
                &operation,
            ),
            operation_seconds: registry.histogram_vec(
                opts(
                    "kubelet_runtime_operations_duration_seconds",
                    "Seconds that calls to the runtime took, by operation.",
                ),
                &operation,
                &bounds,
            ),
            started_pods: registry.counter(opts("kubelet_started_pods_total", "Sandboxes that were to be started.")),
            started_pod_errors: registry.counter(opts(
                "kubelet_started_pods_errors_total",
                "Sandboxes that could not be started.",
            )),
            worker_seconds: registry.histogram_vec(
                opts(
                    "kubelet_pod_worker_duration_seconds",
                    "Seconds that one sync of a pod took, by what it was for: create, sync or kill.",
                ),
                &operation,
                DEFAULT_BUCKETS,
            ),
            pod_start: registry.histogram(
                opts(
                    "kubelet_pod_start_duration_seconds",
                    "Seconds from the moment the kubelet first saw a pod until it ran.",
                ),
                &START,
            ),
            pod_start_total: registry.histogram(
                opts(
                    "kubelet_pod_start_total_duration_seconds",
                    "Seconds from a pod's creation until it ran, pulls and init containers included.",
                ),
                &START,
            ),
            cgroup_seconds: registry.histogram_vec(
                opts(
                    "kubelet_cgroup_manager_duration_seconds",
                    "Seconds that work on a pod's cgroup took: update or destroy.",
                ),
                &operation,
                DEFAULT_BUCKETS,
            ),
        })
    }

    /// A call to the runtime has ended.
    pub fn called(&self, method: Method, took: Duration, failed: bool) {
        let name = operation_name(method);
        let labels = [name.as_str()];
        self.operations.with(&labels).inc();
        self.operation_seconds.with(&labels).observe(took.as_secs_f64());
        if failed {
            self.operation_errors.with(&labels).inc();
        }
        if method == Method::RunPodSandbox {
            self.started_pods.inc();
            self.started_pod_errors.inc_by(u64::from(failed));
        }
    }

    pub(crate) fn synced(&self, kind: SyncKind, took: Duration) {
        self.worker_seconds.with(&[kind.name()]).observe(took.as_secs_f64());
    }

    /// A pod runs: so long after it was first seen here, and so long after it was made.
    pub(crate) fn runs(&self, since_seen: Duration, since_made: Duration) {
        self.pod_start.observe(since_seen.as_secs_f64());
        self.pod_start_total.observe(since_made.as_secs_f64());
    }

    pub(crate) fn cgroup(&self, operation: &str, took: Duration) {
        self.cgroup_seconds.with(&[operation]).observe(took.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_have_upstreams_names() {
        for (method, name) in [
            (Method::Version, "version"),
            (Method::RunPodSandbox, "run_podsandbox"),
            (Method::PodSandboxStatus, "podsandbox_status"),
            (Method::ListPodSandbox, "list_podsandbox"),
            (Method::UpdateContainerResources, "update_container"),
            (Method::ExecSync, "exec_sync"),
            (Method::ImageFsInfo, "image_fs_info"),
            (Method::ListPodSandboxStats, "list_podsandbox_stats"),
        ] {
            assert_eq!(operation_name(method), name);
        }
    }
}
