//! How long a pod that could not be scheduled is left alone.

use std::time::Duration;

use tokio::time::Instant;

use super::{QueueOptions, QueuedPod};

/// Pods whose back-off ends within one such window are ordered by the QueueSort plugin.
const WINDOW: Duration = Duration::from_secs(1);

/// Doubles with every failure, up to a limit. Ends are brought to whole windows where pods may be taken out early.
pub(super) struct Backoff {
    initial: Duration,
    max: Duration,
    aligned: bool,
    began: Instant,
}

impl Backoff {
    pub(super) fn new(options: &QueueOptions) -> Self {
        Self {
            initial: options.initial_backoff,
            max: options.max_backoff,
            aligned: options.pop_from_backoff,
            began: Instant::now(),
        }
    }

    fn align(&self, time: Instant) -> Instant {
        if !self.aligned {
            return time;
        }
        let since = time.saturating_duration_since(self.began).as_secs() / WINDOW.as_secs();
        self.began + WINDOW * u32::try_from(since).unwrap_or(u32::MAX)
    }

    /// How long after so many failures.
    fn duration(&self, failures: u32) -> Duration {
        let doubled = 1u32
            .checked_shl(failures - 1)
            .and_then(|factor| self.initial.checked_mul(factor));
        doubled.map_or(self.max, |duration| duration.min(self.max))
    }

    /// Sets the end of a pod's back-off, if it has failed and the end is not set.
    pub(super) fn set(&self, pod: &mut QueuedPod) {
        let failures = match pod.consecutive_errors {
            0 => pod.unschedulable_count,
            errors => errors,
        };
        if pod.backoff_until.is_none() && failures > 0 && !self.max.is_zero() {
            pod.backoff_until = Some(self.align(pod.queued_at + self.duration(failures)));
        }
    }

    /// Whether a pod's back-off is not over yet; its end is set.
    pub(super) fn is_backing_off(&self, pod: &mut QueuedPod) -> bool {
        self.set(pod);
        self.is_before(pod)
    }

    /// Whether a pod's back-off is not over yet.
    pub(super) fn is_before(&self, pod: &QueuedPod) -> bool {
        pod.backoff_until.is_some_and(|end| end >= self.align(Instant::now()))
    }
}
