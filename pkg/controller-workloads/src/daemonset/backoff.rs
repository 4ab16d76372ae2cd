//! [`FailedPods`]: a node on which the pod fails again and again gets the next one later and later.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(15 * 60);
/// A pod that has not failed for this long begins anew.
const FORGET: Duration = Duration::from_secs(2 * 15 * 60);

/// When failed pods are replaced, by set, generation and node.
#[derive(Default)]
pub(super) struct FailedPods(Mutex<HashMap<String, (Instant, Duration)>>);

impl FailedPods {
    /// How long the failed pod has to stay; nothing if it may be replaced now, from when on the next one stays longer.
    pub(super) fn pause(&self, key: String) -> Option<Duration> {
        let now = Instant::now();
        let mut entries = self.0.lock();
        entries.retain(|_, (since, _)| now.saturating_duration_since(*since) < FORGET);
        let entry = entries.entry(key);
        if let std::collections::hash_map::Entry::Occupied(mut entry) = entry {
            let (since, pause) = *entry.get();
            let waited = now.saturating_duration_since(since);
            if waited < pause {
                return Some(pause);
            }
            entry.insert((now, (pause * 2).min(LIMIT)));
        } else {
            entry.or_insert((now, FIRST));
        }
        None
    }
}
