//! Events sent to watchers.

use component_base::metrics::{Family, MetricOpts, MetricsRegistry};
use prometheus::{Histogram, HistogramVec, IntCounter, IntCounterVec};

use crate::admission::GroupVersionName;

const EVENT_BYTES: [f64; 8] = [1024.0, 2048.0, 4096.0, 8192.0, 16384.0, 32768.0, 65536.0, 131_072.0];

/// What is counted of watches' events.
#[derive(Clone)]
pub struct WatchMetrics {
    events: Family<IntCounterVec>,
    sizes: Family<HistogramVec>,
}

impl std::fmt::Debug for WatchMetrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("WatchMetrics").finish_non_exhaustive()
    }
}

/// The events of one resource's watches.
#[derive(Clone, Debug)]
pub(crate) struct WatchEvents {
    events: IntCounter,
    sizes: Histogram,
}

impl WatchMetrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let labels = ["group", "version", "resource"];
        let events = MetricOpts::new("apiserver_watch_events_total", "Events sent to watchers.");
        let sizes = MetricOpts::new("apiserver_watch_events_sizes", "Bytes of events sent to watchers.");
        Self {
            events: registry.counter_vec(events, &labels),
            sizes: registry.histogram_vec(sizes, &labels, &EVENT_BYTES),
        }
    }

    /// Those of a resource.
    pub(crate) fn of(&self, resource: &GroupVersionName) -> WatchEvents {
        let values = [resource.group.as_str(), &resource.version, &resource.name];
        WatchEvents {
            events: self.events.with(&values),
            sizes: self.sizes.with(&values),
        }
    }
}

impl WatchEvents {
    /// An event of so many bytes was sent.
    pub(crate) fn sent(&self, bytes: usize) {
        self.events.inc();
        #[allow(clippy::cast_precision_loss, reason = "sizes fall into coarse buckets")]
        self.sizes.observe(bytes as f64);
    }
}
