//! How long admission takes, by plugin and by phase.

use std::{
    fmt::{self, Debug},
    sync::{Arc, OnceLock},
    time::Duration,
};

use component_base::metrics::{Family, MetricOpts, MetricsRegistry, Stability};
use prometheus::{Histogram, HistogramVec};

use super::Operation;

const SECONDS: [f64; 6] = [0.005, 0.025, 0.1, 0.5, 1.0, 2.5];

/// A phase of admission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Admit,
    Validate,
}

impl Phase {
    fn as_str(self) -> &'static str {
        match self {
            Self::Admit => "admit",
            Self::Validate => "validate",
        }
    }
}

/// The metrics of admission.
#[derive(Clone)]
pub struct AdmissionMetrics {
    plugins: Family<HistogramVec>,
    phases: Family<HistogramVec>,
}

impl Debug for AdmissionMetrics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("AdmissionMetrics").finish_non_exhaustive()
    }
}

impl AdmissionMetrics {
    /// Defines the metrics.
    #[must_use]
    pub fn new(registry: &MetricsRegistry) -> Self {
        let plugins = MetricOpts::new(
            "apiserver_admission_controller_admission_duration_seconds",
            "Seconds that a plugin took, by its name, operation, phase (admit or validate) and whether it refused.",
        );
        let phases = MetricOpts::new(
            "apiserver_admission_step_admission_duration_seconds",
            "Seconds that all plugins together took, by operation, phase (admit or validate) and whether one refused.",
        );
        Self {
            plugins: registry.histogram_vec(
                plugins.stability(Stability::Stable),
                &["name", "type", "operation", "rejected"],
                &SECONDS,
            ),
            phases: registry.histogram_vec(
                phases.stability(Stability::Stable),
                &["type", "operation", "rejected"],
                &SECONDS,
            ),
        }
    }

    pub(super) fn plugin(&self, name: &'static str, phase: Phase) -> Arc<Durations> {
        Arc::new(Durations::new(self.plugins.clone(), Some(name), phase))
    }

    pub(super) fn phase(&self, phase: Phase) -> Arc<Durations> {
        Arc::new(Durations::new(self.phases.clone(), None, phase))
    }
}

/// The histograms of one plugin or phase, by operation and outcome; each is there from its first observation on.
pub(super) struct Durations {
    family: Family<HistogramVec>,
    plugin: Option<&'static str>,
    phase: Phase,
    known: [[OnceLock<Histogram>; 2]; 4],
}

impl Debug for Durations {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Durations")
            .field("plugin", &self.plugin)
            .field("phase", &self.phase)
            .finish_non_exhaustive()
    }
}

impl Durations {
    fn new(family: Family<HistogramVec>, plugin: Option<&'static str>, phase: Phase) -> Self {
        Self {
            family,
            plugin,
            phase,
            known: Default::default(),
        }
    }

    pub(super) fn observe(&self, operation: Operation, refused: bool, took: Duration) {
        let slot = &self.known[operation as usize][usize::from(refused)];
        let histogram = slot.get_or_init(|| {
            let refused = if refused { "true" } else { "false" };
            let labels = [self.phase.as_str(), operation.as_str(), refused];
            let all: Vec<&str> = self.plugin.into_iter().chain(labels).collect();
            self.family.with(&all)
        });
        histogram.observe(took.as_secs_f64());
    }
}
