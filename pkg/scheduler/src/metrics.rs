//! The scheduler's metrics, under upstream's names.

use std::sync::OnceLock;
use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec};
use scheduler_framework::Code;
use scheduler_framework::config::ExtensionPoint;
use scheduler_plugins::context::exponential_buckets;

/// How many of a hundred cycles measure single plugins.
pub const PLUGIN_SAMPLE_PERCENT: u32 = 10;

/// The metrics.
pub struct Metrics {
    attempts: Family<IntCounterVec>,
    attempt_duration: Family<HistogramVec>,
    /// How long a cycle's search for a node takes.
    pub algorithm_duration: Histogram,
    /// Pods in the active queue.
    pub pending_active: IntGauge,
    /// Pods in back-off.
    pub pending_backoff: IntGauge,
    /// Pods that were tried and do not fit.
    pub pending_unschedulable: IntGauge,
    /// Pods that are held back.
    pub pending_gated: IntGauge,
    /// Pods that are being scheduled.
    pub in_flight_pods: IntGauge,
    /// Events that are kept for them.
    pub in_flight_events: IntGauge,
    /// Bindings under way.
    pub binding_tasks: IntGauge,
    sli_duration: Family<HistogramVec>,
    /// How often pods were tried until they got a node.
    pub pod_attempts: Histogram,
    /// Pods that got a node only after they had been unschedulable for too long.
    pub scheduled_after_flush: IntCounter,
    point_duration: Family<HistogramVec>,
    plugin_duration: Family<HistogramVec>,
    hint_duration: Family<HistogramVec>,
    event_duration: Family<HistogramVec>,
    incoming: Family<IntCounterVec>,
    permit_wait: Family<HistogramVec>,
    cache_nodes: IntGauge,
    cache_pods: IntGauge,
    cache_assumed: IntGauge,
    unschedulable: Family<IntGaugeVec>,
    evaluations: Family<IntCounterVec>,
}

/// How long the plugins of one profile take, by extension point.
pub struct PointDurations {
    all: Family<HistogramVec>,
    profile: String,
    /// Those of the usual outcome are looked up once.
    successes: [OnceLock<Histogram>; ExtensionPoint::SINGLE.len()],
}

impl PointDurations {
    /// All plugins of a point have run.
    pub fn observe(&self, point: ExtensionPoint, code: Code, took: Duration) {
        let find = || self.all.with(&[point.as_str(), code.as_str(), &self.profile]);
        let took = took.as_secs_f64();
        match self.successes.get(point as usize) {
            Some(usual) if code == Code::Success => usual.get_or_init(find).observe(took),
            _ => find().observe(took),
        }
    }
}

impl Metrics {
    /// Defines the metrics.
    #[must_use]
    #[expect(clippy::too_many_lines, reason = "one metric after the other")]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let alpha = MetricOpts::new;
        let beta = |name, help| MetricOpts::new(name, help).stability(Stability::Beta);
        let stable = |name, help| MetricOpts::new(name, help).stability(Stability::Stable);
        let fine = exponential_buckets(0.000_01, 1.5, 20);
        let pending = registry.gauge_vec(
            stable(
                "scheduler_pending_pods",
                "Number of pending pods, by the queue type. 'active' means number of pods in activeQ; 'backoff' means number of pods in backoffQ; 'unschedulable' means number of pods in unschedulablePods that the scheduler attempted to schedule and failed; 'gated' is the number of unschedulable pods that the scheduler never attempted to schedule because they are gated.",
            ),
            &["queue"],
        );
        let in_flight = registry.gauge_vec(
            alpha(
                "scheduler_inflight_events",
                "Number of events currently tracked in the scheduling queue.",
            ),
            &["event"],
        );
        let tasks = registry.gauge_vec(
            beta(
                "scheduler_goroutines",
                "Number of running goroutines split by the work they do such as binding.",
            ),
            &["operation"],
        );
        let cache = registry.gauge_vec(
            alpha(
                "scheduler_cache_size",
                "Number of nodes, pods, and assumed (bound) pods in the scheduler cache.",
            ),
            &["type"],
        );
        Self {
            attempts: registry.counter_vec(
                stable(
                    "scheduler_schedule_attempts_total",
                    "Number of attempts to schedule pods, by the result. 'unschedulable' means a pod could not be scheduled, while 'error' means an internal scheduler problem.",
                ),
                &["result", "profile"],
            ),
            attempt_duration: registry.histogram_vec(
                stable(
                    "scheduler_scheduling_attempt_duration_seconds",
                    "Scheduling attempt latency in seconds (scheduling algorithm + binding)",
                ),
                &["result", "profile"],
                &exponential_buckets(0.001, 2.0, 15),
            ),
            algorithm_duration: registry.histogram(
                alpha(
                    "scheduler_scheduling_algorithm_duration_seconds",
                    "Scheduling algorithm latency in seconds",
                ),
                &exponential_buckets(0.001, 2.0, 15),
            ),
            pending_active: pending.with(&["active"]),
            pending_backoff: pending.with(&["backoff"]),
            pending_unschedulable: pending.with(&["unschedulable"]),
            pending_gated: pending.with(&["gated"]),
            in_flight_pods: in_flight.with(&["PodPopped"]),
            in_flight_events: in_flight.with(&["ClusterEvent"]),
            binding_tasks: tasks.with(&["binding"]),
            sli_duration: registry.histogram_vec(
                MetricOpts::new(
                    "scheduler_pod_scheduling_sli_duration_seconds",
                    "E2e latency for a pod being scheduled, from the time the pod enters the scheduling queue and might involve multiple scheduling attempts.",
                )
                .stability(Stability::Beta),
                &["attempts"],
                &exponential_buckets(0.01, 2.0, 20),
            ),
            pod_attempts: registry.histogram(
                stable(
                    "scheduler_pod_scheduling_attempts",
                    "Number of attempts to successfully schedule a pod.",
                ),
                &exponential_buckets(1.0, 2.0, 5),
            ),
            scheduled_after_flush: registry.counter(alpha(
                "scheduler_pod_scheduled_after_flush_total",
                "Number of pods that were successfully scheduled after being flushed from unschedulablePods due to timeout. This metric helps detect potential queueing hint misconfigurations or event handling issues.",
            )),
            point_duration: registry.histogram_vec(
                stable(
                    "scheduler_framework_extension_point_duration_seconds",
                    "Latency for running all plugins of a specific extension point.",
                ),
                &["extension_point", "status", "profile"],
                &exponential_buckets(0.0001, 2.0, 12),
            ),
            plugin_duration: registry.histogram_vec(
                alpha(
                    "scheduler_plugin_execution_duration_seconds",
                    "Duration for running a plugin at a specific extension point.",
                ),
                &["plugin", "extension_point", "status"],
                &fine,
            ),
            hint_duration: registry.histogram_vec(
                alpha(
                    "scheduler_queueing_hint_execution_duration_seconds",
                    "Duration for running a queueing hint function of a plugin.",
                ),
                &["plugin", "event", "hint"],
                &fine,
            ),
            event_duration: registry.histogram_vec(
                alpha("scheduler_event_handling_duration_seconds", "Event handling latency in seconds."),
                &["event"],
                &exponential_buckets(0.0001, 2.0, 12),
            ),
            incoming: registry.counter_vec(
                stable(
                    "scheduler_queue_incoming_pods_total",
                    "Number of pods added to scheduling queues by event and queue type.",
                ),
                &["queue", "event"],
            ),
            permit_wait: registry.histogram_vec(
                alpha("scheduler_permit_wait_duration_seconds", "Duration of waiting on permit."),
                &["result"],
                &exponential_buckets(0.001, 2.0, 15),
            ),
            cache_nodes: cache.with(&["nodes"]),
            cache_pods: cache.with(&["pods"]),
            cache_assumed: cache.with(&["assumed_pods"]),
            unschedulable: registry.gauge_vec(
                beta(
                    "scheduler_unschedulable_pods",
                    "The number of unschedulable pods broken down by plugin name. A pod will increment the gauge for all plugins that caused it to not schedule and so this metric have meaning only when broken down by plugin.",
                ),
                &["plugin", "profile"],
            ),
            evaluations: registry.counter_vec(
                beta(
                    "scheduler_plugin_evaluation_total",
                    "Number of attempts to schedule pods by each plugin and the extension point (available only in PreFilter, Filter, PreScore, and Score).",
                ),
                &["plugin", "extension_point", "profile"],
            ),
        }
    }

    /// A pod came into a queue.
    #[must_use]
    pub fn incoming(&self, queue: &str, event: &str) -> IntCounter {
        self.incoming.with(&[queue, event])
    }

    /// The pods that a plugin rejects.
    #[must_use]
    pub fn unschedulable(&self, plugin: &str, profile: &str) -> IntGauge {
        self.unschedulable.with(&[plugin, profile])
    }

    /// A hint was asked for.
    pub fn hint(&self, plugin: &str, event: &str, hint: &str, took: Duration) {
        let histogram = self.hint_duration.with(&[plugin, event, hint]);
        histogram.observe(took.as_secs_f64());
    }

    /// An event was handled.
    pub fn event(&self, event: &str, took: Duration) {
        self.event_duration.with(&[event]).observe(took.as_secs_f64());
    }

    /// An attempt came to an end: `scheduled`, `unschedulable` or `error`.
    pub fn attempt(&self, result: &str, profile: &str, took: Duration) {
        self.attempts.with(&[result, profile]).inc();
        let histogram = self.attempt_duration.with(&[result, profile]);
        histogram.observe(took.as_secs_f64());
    }

    /// A pod got its node after so many attempts.
    pub fn scheduled_after(&self, attempts: u32, since_queued: Duration) {
        self.pod_attempts.observe(f64::from(attempts));
        let label = if attempts >= 15 {
            "15+".to_owned()
        } else {
            attempts.to_string()
        };
        self.sli_duration.with(&[&label]).observe(since_queued.as_secs_f64());
    }

    /// How long a profile's plugins take.
    #[must_use]
    pub fn points(&self, profile: &str) -> PointDurations {
        PointDurations {
            all: self.point_duration.clone(),
            profile: profile.to_owned(),
            successes: Default::default(),
        }
    }

    /// A plugin has run.
    pub fn plugin(&self, plugin: &str, point: ExtensionPoint, code: Code, took: Duration) {
        let histogram = self.plugin_duration.with(&[plugin, point.as_str(), code.as_str()]);
        histogram.observe(took.as_secs_f64());
    }

    /// The counter of a plugin's evaluations at a point.
    #[must_use]
    pub fn evaluations(&self, plugin: &str, point: ExtensionPoint, profile: &str) -> IntCounter {
        self.evaluations.with(&[plugin, point.as_str(), profile])
    }

    /// A pod has waited at Permit.
    pub fn permit_waited(&self, code: Code, took: Duration) {
        self.permit_wait.with(&[code.as_str()]).observe(took.as_secs_f64());
    }

    /// What the cache holds.
    pub fn cache(&self, size: crate::cache::CacheSize) {
        let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        self.cache_nodes.set(count(size.nodes));
        self.cache_pods.set(count(size.pods));
        self.cache_assumed.set(count(size.assumed));
    }
}
