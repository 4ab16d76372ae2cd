//! The figures of flow control (upstream: `util/flowcontrol/metrics`), with each schema's and level's children at hand.

use std::time::Duration;

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use prometheus::{
    GaugeVec, Histogram, HistogramVec, IntCounterVec, IntGaugeVec,
    core::{AtomicI64, AtomicU64, GenericCounter, GenericGauge},
};

use crate::{
    level::{Demand, Seats},
    width::Work,
};

type Counter = GenericCounter<AtomicU64>;
type Gauge = GenericGauge<AtomicI64>;

/// Every metric.
#[derive(Clone)]
pub struct FlowMetrics {
    rejected: Family<IntCounterVec>,
    dispatched: Family<IntCounterVec>,
    inqueue: Family<IntGaugeVec>,
    inqueue_seats: Family<IntGaugeVec>,
    executing: Family<IntGaugeVec>,
    executing_seats: Family<IntGaugeVec>,
    wait: Family<HistogramVec>,
    execution: Family<HistogramVec>,
    estimated_seats: Family<HistogramVec>,
    nominal: Family<IntGaugeVec>,
    lower: Family<IntGaugeVec>,
    upper: Family<IntGaugeVec>,
    current: Family<IntGaugeVec>,
    highest: Family<IntGaugeVec>,
    average: Family<GaugeVec>,
    deviation: Family<GaugeVec>,
    smoothed: Family<GaugeVec>,
    target: Family<GaugeVec>,
    fair: Family<GaugeVec>,
}

impl std::fmt::Debug for FlowMetrics {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("FlowMetrics").finish_non_exhaustive()
    }
}

const DURATIONS: [f64; 13] = [0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0];
const SEATS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 100.0];

impl FlowMetrics {
    /// Publishes the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        const FLOW: [&str; 2] = ["priority_level", "flow_schema"];
        const LEVEL: [&str; 1] = ["priority_level"];
        let name = |name: &str| format!("apiserver_flowcontrol_{name}");
        let gauge = |short: &str, help: &'static str, labels: &[&str]| {
            registry.gauge_vec(MetricOpts::new(&name(short), help).stability(Stability::Beta), labels)
        };
        let alpha = |short: &str, help: &'static str, labels: &[&str]| {
            registry.gauge_vec(MetricOpts::new(&name(short), help), labels)
        };
        let float = |short: &str, help: &'static str, labels: &[&str]| {
            registry.float_gauge_vec(MetricOpts::new(&name(short), help), labels)
        };
        let counter = |short: &str, help: &'static str, labels: &[&str]| {
            registry.counter_vec(MetricOpts::new(&name(short), help).stability(Stability::Beta), labels)
        };
        let histogram = |short: &str, help: &'static str, stability, labels: &[&str], buckets: &[f64]| {
            registry.histogram_vec(
                MetricOpts::new(&name(short), help).stability(stability),
                labels,
                buckets,
            )
        };
        Self {
            rejected: counter(
                "rejected_requests_total",
                "Requests that were refused.",
                &["priority_level", "flow_schema", "reason"],
            ),
            dispatched: counter("dispatched_requests_total", "Requests that were let in.", &FLOW),
            inqueue: gauge("current_inqueue_requests", "Requests that wait.", &FLOW),
            inqueue_seats: alpha("current_inqueue_seats", "Seats that are waited for.", &FLOW),
            executing: gauge("current_executing_requests", "Requests that are carried out.", &FLOW),
            executing_seats: gauge("current_executing_seats", "Seats in use.", &FLOW),
            wait: histogram(
                "request_wait_duration_seconds",
                "How long requests waited.",
                Stability::Beta,
                &["priority_level", "flow_schema", "execute"],
                &DURATIONS,
            ),
            execution: histogram(
                "request_execution_seconds",
                "How long requests were carried out.",
                Stability::Alpha,
                &["priority_level", "flow_schema", "type"],
                &DURATIONS,
            ),
            estimated_seats: histogram(
                "work_estimated_seats",
                "Seats that requests take.",
                Stability::Alpha,
                &FLOW,
                &SEATS,
            ),
            nominal: gauge("nominal_limit_seats", "Seats by a level's shares.", &LEVEL),
            lower: alpha("lower_limit_seats", "Seats that a level keeps.", &LEVEL),
            upper: alpha("upper_limit_seats", "Seats that a level may have.", &LEVEL),
            current: alpha("current_limit_seats", "Seats that a level has.", &LEVEL),
            highest: alpha(
                "demand_seats_high_watermark",
                "Most seats asked for in the last period.",
                &LEVEL,
            ),
            average: float(
                "demand_seats_average",
                "Seats asked for on average in the last period.",
                &LEVEL,
            ),
            deviation: float("demand_seats_stdev", "Deviation of the seats asked for.", &LEVEL),
            smoothed: float("demand_seats_smoothed", "Smoothed demand for seats.", &LEVEL),
            target: float("target_seats", "Seats that a level should have.", &LEVEL),
            fair: float("seat_fair_frac", "Fraction of the targets that could be granted.", &[]),
        }
    }

    pub(crate) fn level(&self, level: &str) -> LevelMetrics {
        LevelMetrics {
            metrics: self.clone(),
            level: level.into(),
        }
    }

    pub(crate) fn schema(&self, level: &str, schema: &str) -> SchemaMetrics {
        let flow = [level, schema];
        SchemaMetrics {
            dispatched: self.dispatched.with(&flow),
            inqueue: self.inqueue.with(&flow),
            inqueue_seats: self.inqueue_seats.with(&flow),
            executing: self.executing.with(&flow),
            executing_seats: self.executing_seats.with(&flow),
            waited: self.wait.with(&[level, schema, "true"]),
            waited_in_vain: self.wait.with(&[level, schema, "false"]),
            execution: self.execution.with(&[level, schema, "regular"]),
            estimated_seats: self.estimated_seats.with(&flow),
        }
    }

    pub(crate) fn rejected(&self, level: &str, schema: &str, reason: &str) {
        self.rejected.with(&[level, schema, reason]).inc();
    }

    pub(crate) fn fair_fraction(&self, fraction: f64) {
        self.fair.with(&[]).set(fraction);
    }
}

/// The metrics of one level.
pub(crate) struct LevelMetrics {
    metrics: FlowMetrics,
    level: Box<str>,
}

impl LevelMetrics {
    pub(crate) fn limits(&self, seats: &Seats) {
        for (family, value) in [
            (&self.metrics.nominal, seats.nominal),
            (&self.metrics.lower, seats.least),
            (&self.metrics.upper, seats.most),
            (&self.metrics.current, seats.current),
        ] {
            family.with(&[&self.level]).set(i64::from(value));
        }
    }

    pub(crate) fn adjusted(&self, seats: &Seats, demand: &Demand, target: f64) {
        let level: &[&str] = &[&self.level];
        self.metrics.current.with(level).set(i64::from(seats.current));
        self.metrics.highest.with(level).set(i64::from(demand.highest));
        self.metrics.average.with(level).set(demand.average);
        self.metrics.deviation.with(level).set(demand.deviation);
        self.metrics.smoothed.with(level).set(demand.smoothed);
        self.metrics.target.with(level).set(target);
    }
}

/// The metrics of one schema, to be written without a look-up.
pub(crate) struct SchemaMetrics {
    dispatched: Counter,
    inqueue: Gauge,
    inqueue_seats: Gauge,
    executing: Gauge,
    executing_seats: Gauge,
    waited: Histogram,
    waited_in_vain: Histogram,
    execution: Histogram,
    estimated_seats: Histogram,
}

impl SchemaMetrics {
    pub(crate) fn waits(&self, work: &Work) {
        self.inqueue.inc();
        self.inqueue_seats.add(i64::from(work.seats()));
    }

    pub(crate) fn waits_no_more(&self, work: &Work) {
        self.inqueue.dec();
        self.inqueue_seats.sub(i64::from(work.seats()));
    }

    pub(crate) fn waited(&self, time: Duration, executes: bool) {
        let histogram = if executes { &self.waited } else { &self.waited_in_vain };
        histogram.observe(time.as_secs_f64());
    }

    pub(crate) fn begins(&self, work: &Work) {
        self.dispatched.inc();
        self.executing.inc();
        self.executing_seats.add(i64::from(work.seats()));
        self.estimated_seats.observe(f64::from(work.seats()));
    }

    pub(crate) fn ends(&self, work: &Work, time: Duration) {
        self.executing.dec();
        self.executing_seats.sub(i64::from(work.seats()));
        self.execution.observe(time.as_secs_f64());
    }
}
