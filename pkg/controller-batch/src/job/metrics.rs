//! What the controller counts, under upstream's names.

use std::time::Instant;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use k8s_api::batch::v1::Job;
use prometheus::{HistogramVec, IntCounterVec, exponential_buckets};

use super::pods::is_indexed;

/// What a sync has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Action {
    /// Looked at the job, or ended what runs of one that is decided.
    #[default]
    Reconciling,
    /// Kept the books.
    Tracking,
    /// Made pods.
    PodsCreated,
    /// Deleted pods.
    PodsDeleted,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Reconciling => "reconciling",
            Self::Tracking => "tracking",
            Self::PodsCreated => "pods_created",
            Self::PodsDeleted => "pods_deleted",
        }
    }
}

/// Syncs, ended jobs, ended pods.
pub(super) struct Metrics {
    sync_seconds: Family<HistogramVec>,
    syncs: Family<IntCounterVec>,
    jobs: Family<IntCounterVec>,
    pods: Family<IntCounterVec>,
}

fn mode(job: &Job) -> &'static str {
    if is_indexed(job) { "Indexed" } else { "NonIndexed" }
}

impl Metrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let opts = |name, help| MetricOpts::new(name, help).stability(Stability::Stable);
        let of_sync = ["completion_mode", "result", "action"];
        let bounds = exponential_buckets(0.004, 2.0, 15).expect("bounds that grow");
        Self {
            sync_seconds: registry.histogram_vec(
                opts(
                    "job_controller_job_sync_duration_seconds",
                    "Seconds that syncs of jobs took.",
                ),
                &of_sync,
                &bounds,
            ),
            syncs: registry.counter_vec(opts("job_controller_job_syncs_total", "Syncs of jobs."), &of_sync),
            jobs: registry.counter_vec(
                opts("job_controller_jobs_finished_total", "Jobs that have ended."),
                &["completion_mode", "result", "reason"],
            ),
            pods: registry.counter_vec(
                opts(
                    "job_controller_job_pods_finished_total",
                    "Pods of jobs that have ended and are fully tracked.",
                ),
                &["completion_mode", "result"],
            ),
        }
    }

    pub(super) fn synced(&self, job: &Job, succeeded: bool, action: Action, begun: Instant) {
        let result = if succeeded { "success" } else { "error" };
        let labels = [mode(job), result, action.name()];
        self.sync_seconds.with(&labels).observe(begun.elapsed().as_secs_f64());
        self.syncs.with(&labels).inc();
    }

    pub(super) fn job_ended(&self, job: &Job, succeeded: bool, reason: &str) {
        let result = if succeeded { "succeeded" } else { "failed" };
        self.jobs.with(&[mode(job), result, reason]).inc();
    }

    /// Pods were taken into the sums.
    pub(super) fn pods_ended(&self, job: &Job, succeeded: i32, failed: i32) {
        for (result, count) in [("succeeded", succeeded), ("failed", failed)] {
            if let Some(count) = u64::try_from(count).ok().filter(|count| *count > 0) {
                self.pods.with(&[mode(job), result]).inc_by(count);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jobs_and_pods_are_counted_by_mode_and_result() {
        let registry = MetricsRegistry::default();
        let metrics = Metrics::new(&registry);
        let mut job = Job::default();
        metrics.synced(&job, true, Action::PodsCreated, Instant::now());
        metrics.pods_ended(&job, 2, 0);
        job.spec.completion_mode = Some("Indexed".to_owned());
        metrics.pods_ended(&job, 0, 1);
        metrics.job_ended(&job, false, "BackoffLimitExceeded");
        assert_eq!(metrics.syncs.with(&["NonIndexed", "success", "pods_created"]).get(), 1);
        assert_eq!(metrics.pods.with(&["NonIndexed", "succeeded"]).get(), 2);
        assert_eq!(metrics.pods.with(&["Indexed", "failed"]).get(), 1);
        assert_eq!(
            metrics.jobs.with(&["Indexed", "failed", "BackoffLimitExceeded"]).get(),
            1
        );
    }
}
