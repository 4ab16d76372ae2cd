//! Prometheus metrics under upstream's names, in a registry that is passed by value.
//!
//! [`MetricsRegistry`] wraps the `prometheus` crate's registry and adds what Kubernetes promises of a metric: the
//! stability prefix in its help, hiding after deprecation, switching off by name, and allow-lists for label values. A
//! metric that is hidden or switched off still counts, it is just not published, so that callers never need to ask.
//!
//! Counterpart upstream: `k8s.io/component-base/metrics`.

mod children;
mod expose;
mod options;
mod process;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use prometheus::core::Collector;
use prometheus::{
    Gauge, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
};

use crate::version::{self, VersionInfo};

pub use children::Children;
pub use options::{MetricsOptions, MetricsOptionsError};

/// What is promised of a metric.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stability {
    /// No promise, and not for users.
    Internal,
    /// May change or vanish at any time.
    #[default]
    Alpha,
    /// Its labels stay; hidden one release after its deprecation.
    Beta,
    /// Does not change; hidden three releases after its deprecation.
    Stable,
}

impl Stability {
    fn name(self) -> &'static str {
        match self {
            Self::Internal => "INTERNAL",
            Self::Alpha => "ALPHA",
            Self::Beta => "BETA",
            Self::Stable => "STABLE",
        }
    }

    /// For how many minor versions a deprecated metric is still published.
    fn deprecation_period(self) -> u32 {
        match self {
            Self::Internal | Self::Alpha => 0,
            Self::Beta => 1,
            Self::Stable => 3,
        }
    }
}

/// Name, help and promise of a metric.
#[derive(Clone, Copy, Debug)]
pub struct MetricOpts<'n> {
    name: &'n str,
    help: &'n str,
    stability: Stability,
    deprecated: Option<u32>,
}

impl<'n> MetricOpts<'n> {
    /// An alpha metric.
    #[must_use]
    pub const fn new(name: &'n str, help: &'n str) -> Self {
        Self {
            name,
            help,
            stability: Stability::Alpha,
            deprecated: None,
        }
    }

    /// Sets the promise.
    #[must_use]
    pub const fn stability(mut self, stability: Stability) -> Self {
        self.stability = stability;
        self
    }

    /// Deprecated since v1.`minor`.
    #[must_use]
    pub const fn deprecated_since(mut self, minor: u32) -> Self {
        self.deprecated = Some(minor);
        self
    }

    fn full_help(&self) -> String {
        let stability = self.stability.name();
        match self.deprecated {
            Some(minor) if minor <= version::MINOR => {
                format!("[{stability}] (Deprecated since 1.{minor}.0) {}", self.help)
            }
            _ => format!("[{stability}] {}", self.help),
        }
    }

    fn hidden(&self) -> bool {
        self.deprecated
            .is_some_and(|minor| minor + self.stability.deprecation_period() < version::MINOR)
    }
}

/// A metric with labels: one child metric a combination of their values.
pub trait LabelValues {
    /// The child.
    type Metric;
    /// The child for these values, in the order of the labels.
    fn child(&self, values: &[&str]) -> Self::Metric;
    /// Drops the child for these values, if there is one.
    fn forget(&self, values: &[&str]);
}

macro_rules! label_values {
    ($($vec:ty => $metric:ty;)*) => {$(
        impl LabelValues for $vec {
            type Metric = $metric;
            fn child(&self, values: &[&str]) -> $metric {
                self.with_label_values(values)
            }
            fn forget(&self, values: &[&str]) {
                // There may be none, which is as well.
                let _ = self.remove_label_values(values);
            }
        }
    )*};
}

label_values! {
    IntCounterVec => IntCounter;
    IntGaugeVec => IntGauge;
    GaugeVec => Gauge;
    HistogramVec => Histogram;
}

/// The values that `--allow-metric-labels` leaves for one metric: label position to allowed values.
type Allowed = Vec<(usize, BTreeSet<String>)>;

/// A labelled metric, its label values held to their allow-list.
#[derive(Clone)]
pub struct Family<V> {
    vec: V,
    allowed: Option<Arc<(Allowed, IntCounter)>>,
}

impl<V: LabelValues> Family<V> {
    /// Drops the child for these label values: what it was about is gone.
    pub fn forget(&self, values: &[&str]) {
        self.vec.forget(values);
    }

    /// The child for these label values. Hot paths keep it instead of asking again.
    ///
    /// # Panics
    /// When the number of values is not that of the labels.
    pub fn with(&self, values: &[&str]) -> V::Metric {
        let Some(allowed) = &self.allowed else {
            return self.vec.child(values);
        };
        let (allowed, unexpected) = &**allowed;
        let mut kept = values.to_vec();
        for (position, set) in allowed {
            if let Some(value) = kept.get_mut(*position)
                && !set.contains(*value)
            {
                *value = "unexpected";
                unexpected.inc();
            }
        }
        self.vec.child(&kept)
    }
}

struct Inner {
    registry: prometheus::Registry,
    disabled: BTreeSet<String>,
    show_hidden: bool,
    allowed: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    unexpected: IntCounter,
    hidden: IntCounter,
}

/// Where metrics are defined and published from; clones share one registry.
#[derive(Clone)]
pub struct MetricsRegistry {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for MetricsRegistry {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("MetricsRegistry").finish_non_exhaustive()
    }
}

impl Default for MetricsRegistry {
    fn default() -> Self {
        Self::new(&MetricsOptions::default())
    }
}

impl MetricsRegistry {
    /// A registry that follows the options, which have been validated. It holds nothing but its own bookkeeping metrics.
    #[must_use]
    pub fn new(options: &MetricsOptions) -> Self {
        let own = |name: &str, help: &str, stability: Stability| {
            let full = MetricOpts::new(name, help).stability(stability).full_help();
            IntCounter::with_opts(Opts::new(name, full)).expect("the bookkeeping metrics have valid names")
        };
        let disabled_total = own(
            "disabled_metrics_total",
            "How many metrics are switched off.",
            Stability::Beta,
        );
        let hidden = own("hidden_metrics_total", "How many metrics are hidden.", Stability::Beta);
        let unexpected = own(
            "cardinality_enforcement_unexpected_categorizations_total",
            "How many label values were outside their allow-list.",
            Stability::Alpha,
        );
        let disabled: BTreeSet<_> = options
            .disabled_metrics
            .iter()
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        disabled_total.inc_by(disabled.len() as u64);
        let registry = Self {
            inner: Arc::new(Inner {
                registry: prometheus::Registry::new(),
                disabled,
                show_hidden: !options.show_hidden_metrics_for_version.is_empty(),
                allowed: options.allowed_label_values(),
                unexpected: unexpected.clone(),
                hidden: hidden.clone(),
            }),
        };
        for metric in [disabled_total, hidden, unexpected] {
            registry.register(Box::new(metric));
        }
        registry
    }

    /// Adds what every component publishes: process figures and `kubernetes_build_info`.
    pub fn register_process(&self, version: &VersionInfo) {
        self.register(Box::new(process::ProcessCollector::new()));
        let labels = [
            ("major", &version.major),
            ("minor", &version.minor),
            ("git_version", &version.git_version),
            ("git_commit", &version.git_commit),
            ("git_tree_state", &version.git_tree_state),
            ("build_date", &version.build_date),
            ("go_version", &version.go_version),
            ("compiler", &version.compiler),
            ("platform", &version.platform),
        ];
        let opts = MetricOpts::new(
            "kubernetes_build_info",
            "The build that runs, as labels; the value is always 1.",
        )
        .stability(Stability::Beta);
        let info = self.gauge_vec(opts, &labels.map(|(name, _)| name));
        info.with(&labels.map(|(_, value)| value.as_str())).set(1);
    }

    /// Publishes a collector of the `prometheus` crate.
    ///
    /// # Panics
    /// When one of its metrics is defined already: a metric has one owner.
    pub fn register(&self, collector: Box<dyn Collector>) {
        let names: Vec<_> = collector.desc().iter().map(|desc| desc.fq_name.clone()).collect();
        if names.iter().any(|name| self.inner.disabled.contains(name)) {
            return;
        }
        if let Err(error) = self.inner.registry.register(collector) {
            panic!("metrics {names:?} cannot be registered: {error}");
        }
    }

    /// The registry below, for metrics that a library registers itself.
    #[must_use]
    pub fn prometheus(&self) -> &prometheus::Registry {
        &self.inner.registry
    }

    fn publish(&self, opts: &MetricOpts<'_>, collector: Box<dyn Collector>) {
        if opts.hidden() && !self.inner.show_hidden {
            self.inner.hidden.inc();
            return;
        }
        self.register(collector);
    }

    fn family<V: LabelValues + Collector + Clone + 'static>(
        &self,
        opts: &MetricOpts<'_>,
        labels: &[&str],
        vec: V,
    ) -> Family<V> {
        self.publish(opts, Box::new(vec.clone()));
        let allowed = self.inner.allowed.get(opts.name).map(|by_label| {
            let allowed: Allowed = labels
                .iter()
                .enumerate()
                .filter_map(|(position, label)| Some((position, by_label.get(*label)?.clone())))
                .collect();
            Arc::new((allowed, self.inner.unexpected.clone()))
        });
        Family { vec, allowed }
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident -> $metric:ty, $vec_name:ident -> $vec:ty;)*) => {
        impl MetricsRegistry {$(
            $(#[$doc])*
            ///
            /// # Panics
            /// When the name is malformed or taken.
            pub fn $name(&self, opts: MetricOpts<'_>) -> $metric {
                let metric = <$metric>::with_opts(Opts::new(opts.name, opts.full_help())).expect(VALID);
                self.publish(&opts, Box::new(metric.clone()));
                metric
            }

            $(#[$doc])*
            /// This one has labels.
            ///
            /// # Panics
            /// When the name is malformed or taken.
            pub fn $vec_name(&self, opts: MetricOpts<'_>, labels: &[&str]) -> Family<$vec> {
                let vec = <$vec>::new(Opts::new(opts.name, opts.full_help()), labels).expect(VALID);
                self.family(&opts, labels, vec)
            }
        )*}
    };
}

const VALID: &str = "metric and label names are literals of the code and well-formed";

constructors! {
    /// A counter of whole numbers.
    counter -> IntCounter, counter_vec -> IntCounterVec;
    /// A gauge of whole numbers.
    gauge -> IntGauge, gauge_vec -> IntGaugeVec;
    /// A gauge with fractions.
    float_gauge -> Gauge, float_gauge_vec -> GaugeVec;
}

impl MetricsRegistry {
    /// A histogram with these upper bounds.
    ///
    /// # Panics
    /// When the name is malformed or taken, or the bounds do not rise.
    pub fn histogram(&self, opts: MetricOpts<'_>, buckets: &[f64]) -> Histogram {
        let full = HistogramOpts::new(opts.name, opts.full_help()).buckets(buckets.to_vec());
        let metric = Histogram::with_opts(full).expect(VALID);
        self.publish(&opts, Box::new(metric.clone()));
        metric
    }

    /// A histogram with labels.
    ///
    /// # Panics
    /// When the name is malformed or taken, or the bounds do not rise.
    pub fn histogram_vec(&self, opts: MetricOpts<'_>, labels: &[&str], buckets: &[f64]) -> Family<HistogramVec> {
        let full = HistogramOpts::new(opts.name, opts.full_help()).buckets(buckets.to_vec());
        let vec = HistogramVec::new(full, labels).expect(VALID);
        self.family(&opts, labels, vec)
    }
}
