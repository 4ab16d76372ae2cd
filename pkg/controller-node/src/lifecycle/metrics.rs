//! What the controller counts, under upstream's names.

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use prometheus::{GaugeVec, Histogram, IntCounterVec};

use super::zones::Standing;

/// Four times as long each.
const OF_ONE: [f64; 8] = [0.001, 0.004, 0.016, 0.064, 0.256, 1.024, 4.096, 16.384];
const OF_ALL: [f64; 8] = [0.01, 0.04, 0.16, 0.64, 2.56, 10.24, 40.96, 163.84];

pub(super) struct Metrics {
    zone_health: Family<GaugeVec>,
    zone_size: Family<GaugeVec>,
    unhealthy: Family<GaugeVec>,
    pub(super) evictions: Family<IntCounterVec>,
    pub(super) one: Histogram,
    pub(super) all: Histogram,
}

impl Metrics {
    pub(super) fn new(registry: &MetricsRegistry) -> Self {
        let zone = &["zone"];
        let gauge = |name: &str, help: &str| registry.float_gauge_vec(MetricOpts::new(name, help), zone);
        let histogram =
            |name: &str, help: &str, bounds: &[f64]| registry.histogram(MetricOpts::new(name, help), bounds);
        Self {
            zone_health: gauge(
                "node_collector_zone_health",
                "Gauge measuring percentage of healthy nodes per zone.",
            ),
            zone_size: gauge(
                "node_collector_zone_size",
                "Gauge measuring number of registered Nodes per zones.",
            ),
            unhealthy: gauge(
                "node_collector_unhealthy_nodes_in_zone",
                "Gauge measuring number of not Ready Nodes per zones.",
            ),
            evictions: registry.counter_vec(
                MetricOpts::new(
                    "node_collector_evictions_total",
                    "Number of Node evictions that happened since current instance of NodeController started.",
                )
                .stability(Stability::Stable),
                zone,
            ),
            one: histogram(
                "node_collector_update_node_health_duration_seconds",
                "Duration in seconds for NodeController to update the health of a single node.",
                &OF_ONE,
            ),
            all: histogram(
                "node_collector_update_all_nodes_health_duration_seconds",
                "Duration in seconds for NodeController to update the health of all nodes.",
                &OF_ALL,
            ),
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "zones have far fewer than 2^53 nodes")]
    pub(super) fn stand(&self, standing: &Standing) {
        let labels = [standing.zone.as_str()];
        let (size, unhealthy) = (standing.size as f64, standing.unhealthy as f64);
        let health = if standing.size == 0 {
            100.0
        } else {
            100.0 * (size - unhealthy) / size
        };
        self.zone_size.with(&labels).set(size);
        self.zone_health.with(&labels).set(health);
        self.unhealthy.with(&labels).set(unhealthy);
    }
}
