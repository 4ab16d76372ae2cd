//! What queues count, under upstream's names. How long work has been under way is computed when it is asked for.

use std::sync::{Arc, Weak};

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use parking_lot::Mutex;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{GaugeVec, Histogram, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts};

/// Ten times longer each, from ten nanoseconds to a thousand seconds.
const DURATIONS: [f64; 10] = [1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0];

/// The metrics of all queues of a process.
#[derive(Clone)]
pub struct WorkQueueMetrics {
    depth: Family<IntGaugeVec>,
    adds: Family<IntCounterVec>,
    queue_duration: Family<HistogramVec>,
    work_duration: Family<HistogramVec>,
    retries: Family<IntCounterVec>,
    queues: Queues,
}

type Queues = Arc<Mutex<Vec<(String, Weak<dyn Running>)>>>;

/// One queue's metrics.
pub(super) struct QueueMetrics {
    pub(super) depth: IntGauge,
    pub(super) adds: IntCounter,
    pub(super) queue_duration: Histogram,
    pub(super) work_duration: Histogram,
    pub(super) retries: IntCounter,
}

/// Work that is under way.
pub(super) trait Running: Send + Sync {
    /// Seconds of all of it together, and of the longest.
    fn running(&self) -> (f64, f64);
}

impl WorkQueueMetrics {
    /// Registers the metrics.
    ///
    /// # Panics
    /// When they are registered already.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let opts = |name, help| MetricOpts::new(name, help).stability(Stability::Beta);
        let name = &["name"];
        let queues = Queues::default();
        registry.register(Box::new(RunningCollector::new(queues.clone())));
        Self {
            depth: registry.gauge_vec(opts("workqueue_depth", "Keys that are ready."), name),
            adds: registry.counter_vec(opts("workqueue_adds_total", "Keys that were added."), name),
            queue_duration: registry.histogram_vec(
                opts("workqueue_queue_duration_seconds", "How long keys stay in the queue."),
                name,
                &DURATIONS,
            ),
            work_duration: registry.histogram_vec(
                opts("workqueue_work_duration_seconds", "How long keys are worked on."),
                name,
                &DURATIONS,
            ),
            retries: registry.counter_vec(
                opts("workqueue_retries_total", "Keys that were added again after a pause."),
                name,
            ),
            queues,
        }
    }

    pub(super) fn queue(&self, name: &str) -> QueueMetrics {
        QueueMetrics {
            depth: self.depth.with(&[name]),
            adds: self.adds.with(&[name]),
            queue_duration: self.queue_duration.with(&[name]),
            work_duration: self.work_duration.with(&[name]),
            retries: self.retries.with(&[name]),
        }
    }

    pub(super) fn watch(&self, name: &str, queue: Weak<dyn Running>) {
        self.queues.lock().push((name.to_owned(), queue));
    }
}

struct RunningCollector {
    queues: Queues,
    unfinished: GaugeVec,
    longest: GaugeVec,
}

impl RunningCollector {
    fn new(queues: Queues) -> Self {
        let gauge = |name: &str, help: &str| {
            GaugeVec::new(Opts::new(name, format!("[BETA] {help}")), &["name"]).expect("the names are well-formed")
        };
        Self {
            queues,
            unfinished: gauge(
                "workqueue_unfinished_work_seconds",
                "How long the work under way has taken, all together.",
            ),
            longest: gauge(
                "workqueue_longest_running_processor_seconds",
                "How long the longest work under way has taken.",
            ),
        }
    }
}

impl Collector for RunningCollector {
    fn desc(&self) -> Vec<&Desc> {
        [self.unfinished.desc(), self.longest.desc()].concat()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        self.queues.lock().retain(|(name, queue)| {
            let Some(queue) = queue.upgrade() else { return false };
            let (sum, longest) = queue.running();
            self.unfinished.with_label_values(&[name]).set(sum);
            self.longest.with_label_values(&[name]).set(longest);
            true
        });
        [self.unfinished.collect(), self.longest.collect()].concat()
    }
}
