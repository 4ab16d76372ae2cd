//! From observations to what has to be done.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kubelet_types::pressure::Pressure;

use crate::signal::{Observation, Signal};
use crate::threshold::Threshold;

/// What follows from what was observed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// What the node is short of.
    pub pressures: Vec<Pressure>,
    /// What something has to be done about now.
    pub reclaim: Option<(Threshold, Observation)>,
}

/// Remembers since when thresholds are crossed, and when pressures were last seen.
pub struct Tracker {
    thresholds: Vec<Threshold>,
    transition: Duration,
    /// Since when each threshold is crossed, by its place.
    since: BTreeMap<usize, Instant>,
    seen: BTreeMap<Pressure, Instant>,
}

impl Tracker {
    /// Nothing was observed yet. A pressure stays for `transition` after it was last seen.
    #[must_use]
    pub fn new(mut thresholds: Vec<Threshold>, transition: Duration) -> Self {
        thresholds.sort_by_key(|threshold| threshold.signal);
        Self {
            thresholds,
            transition,
            since: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Whether there is nothing to watch.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.thresholds.is_empty()
    }

    /// Judges.
    pub fn step(&mut self, observed: &BTreeMap<Signal, Observation>, now: Instant) -> Verdict {
        let mut reclaim = None;
        for (place, threshold) in self.thresholds.iter().enumerate() {
            let Some(observation) = observed.get(&threshold.signal) else {
                continue;
            };
            let mut least = threshold.least.of(observation.capacity);
            if self.since.contains_key(&place) {
                least += threshold.reclaim.of(observation.capacity);
            }
            if observation.available >= least {
                self.since.remove(&place);
                continue;
            }
            let since = *self.since.entry(place).or_insert(now);
            self.seen.insert(threshold.signal.pressure(), now);
            let patience = threshold.grace.unwrap_or_default();
            if now.duration_since(since) >= patience && reclaim.is_none() {
                reclaim = Some((*threshold, *observation));
            }
        }
        self.seen
            .retain(|_, seen| *seen == now || now.duration_since(*seen) < self.transition);
        Verdict {
            pressures: self.seen.keys().copied().collect(),
            reclaim,
        }
    }
}
