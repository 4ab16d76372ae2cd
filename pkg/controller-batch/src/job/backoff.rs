//! Back-off: pods of a job that fail again and again come later and later.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use client_go::cache::ObjectKey;
use controller::Clock;
use k8s_api::core::v1::Pod;
use k8s_api::primitives::Time;
use parking_lot::Mutex;

use super::pods::{all_index_failures, finish_time};

const FIRST: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(600);

/// Failures in a row, and the last of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Failures {
    count: u32,
    last: Option<Time>,
}

fn remaining(count: u32, last: Option<Time>, clock: &Clock) -> Duration {
    let Some(last) = last.filter(|_| count > 0) else {
        return Duration::ZERO;
    };
    let factor = 2_u32.checked_pow(count - 1).unwrap_or(u32::MAX);
    let pause = FIRST.checked_mul(factor).map_or(LIMIT, |pause| pause.min(LIMIT));
    pause.saturating_sub(clock.since(last))
}

impl Failures {
    /// How long the next pod has to wait.
    pub(super) fn remaining(self, clock: &Clock) -> Duration {
        remaining(self.count, self.last, clock)
    }
}

/// How long the pod after this one of an index has to wait.
pub(super) fn remaining_for_index(former: Option<&Arc<Pod>>, clock: &Clock) -> Duration {
    let Some(former) = former else { return Duration::ZERO };
    let failures = u32::try_from(all_index_failures(former) + 1).unwrap_or(1);
    remaining(failures, finish_time(former), clock)
}

/// The failures in a row of every job.
#[derive(Default)]
pub(super) struct BackoffStore(Mutex<HashMap<ObjectKey, Failures>>);

impl BackoffStore {
    /// The failures with these pods, which have just ended.
    pub(super) fn with(&self, key: &ObjectKey, succeeded: &[Arc<Pod>], failed: &[Arc<Pod>]) -> Failures {
        let before = self.0.lock().get(key).copied().unwrap_or_default();
        let times = |pods: &[Arc<Pod>]| -> Vec<Option<Time>> { pods.iter().map(|pod| finish_time(pod)).collect() };
        let last_success = times(succeeded).into_iter().max();
        let failures = times(failed);
        match last_success {
            None if failures.is_empty() => before,
            None => Failures {
                count: before.count + u32::try_from(failures.len()).unwrap_or(u32::MAX),
                last: failures.into_iter().max().flatten(),
            },
            // A success starts over; what failed after it counts.
            Some(success) => {
                let after: Vec<_> = failures.into_iter().filter(|failure| *failure > success).collect();
                Failures {
                    count: u32::try_from(after.len()).unwrap_or(u32::MAX),
                    last: after.into_iter().max().flatten(),
                }
            }
        }
    }

    pub(super) fn put(&self, key: &ObjectKey, failures: Failures) {
        self.0.lock().insert(key.clone(), failures);
    }

    pub(super) fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }
}
