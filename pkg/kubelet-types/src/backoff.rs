//! Exponential back-off by key (upstream: client-go's `flowcontrol.Backoff`).
//!
//! A key's delay doubles with every failure up to a maximum, and is forgotten once nothing happened for twice the maximum.

use std::collections::HashMap;
use std::time::{Duration, SystemTime};

use parking_lot::Mutex;

use crate::clock::SharedClock;

/// Delays by key.
pub struct Backoff {
    clock: SharedClock,
    initial: Duration,
    max: Duration,
    entries: Mutex<HashMap<String, Entry>>,
}

#[derive(Clone, Copy)]
struct Entry {
    delay: Duration,
    updated: SystemTime,
}

impl Backoff {
    /// Delays from `initial` doubling to `max`.
    #[must_use]
    pub fn new(clock: SharedClock, initial: Duration, max: Duration) -> Self {
        Self {
            clock,
            initial,
            max,
            entries: Mutex::new(HashMap::new()),
        }
    }

    /// The present delay of a key; zero for an unknown one.
    #[must_use]
    pub fn get(&self, key: &str) -> Duration {
        self.entries.lock().get(key).map_or(Duration::ZERO, |entry| entry.delay)
    }

    /// Counts a failure that happened at `event`: starts at the initial delay, or doubles it.
    pub fn next(&self, key: &str, event: SystemTime) {
        let now = self.clock.now();
        let mut entries = self.entries.lock();
        match entries.get_mut(key) {
            Some(entry) if !self.expired(event, entry.updated) => {
                entry.delay = (entry.delay * 2).min(self.max);
                entry.updated = now;
            }
            _ => {
                let entry = Entry {
                    delay: self.initial,
                    updated: now,
                };
                entries.insert(key.to_owned(), entry);
            }
        }
    }

    /// Forgets a key.
    pub fn reset(&self, key: &str) {
        self.entries.lock().remove(key);
    }

    /// Whether less than the key's delay has passed since `event`.
    #[must_use]
    pub fn is_in_backoff_since(&self, key: &str, event: SystemTime) -> bool {
        let Some(entry) = self.entries.lock().get(key).copied() else {
            return false;
        };
        !self.expired(event, entry.updated) && elapsed(event, self.clock.now()) < entry.delay
    }

    /// Whether `event` comes before the end of the delay that the last failure began.
    #[must_use]
    pub fn is_in_backoff_since_update(&self, key: &str, event: SystemTime) -> bool {
        let Some(entry) = self.entries.lock().get(key).copied() else {
            return false;
        };
        !self.expired(event, entry.updated) && elapsed(entry.updated, event) < entry.delay
    }

    /// When the delay that the last failure began is over.
    #[must_use]
    pub fn until(&self, key: &str) -> Option<SystemTime> {
        self.entries.lock().get(key).map(|entry| entry.updated + entry.delay)
    }

    /// Forgets keys whose last failure is older than twice the maximum.
    pub fn collect_garbage(&self) {
        let now = self.clock.now();
        self.entries.lock().retain(|_, entry| !self.expired(now, entry.updated));
    }

    fn expired(&self, event: SystemTime, updated: SystemTime) -> bool {
        elapsed(updated, event) > self.max * 2
    }
}

fn elapsed(from: SystemTime, to: SystemTime) -> Duration {
    to.duration_since(from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::{Clock, TokioClock};

    #[tokio::test(start_paused = true)]
    async fn delays_double_and_are_forgotten() {
        let clock = Arc::new(TokioClock::default());
        let backoff = Backoff::new(clock.clone(), Duration::from_secs(10), Duration::from_secs(300));
        assert!(!backoff.is_in_backoff_since("a", clock.now()));
        for expected in [10, 20, 40, 80, 160, 300, 300] {
            let failed = clock.now();
            backoff.next("a", failed);
            assert_eq!(backoff.get("a"), Duration::from_secs(expected));
            assert!(backoff.is_in_backoff_since("a", failed));
            tokio::time::advance(Duration::from_secs(expected)).await;
            assert!(!backoff.is_in_backoff_since("a", failed), "over after {expected} s");
        }
        tokio::time::advance(Duration::from_secs(601)).await;
        backoff.next("a", clock.now());
        assert_eq!(
            backoff.get("a"),
            Duration::from_secs(10),
            "begins anew after ten quiet minutes"
        );
        tokio::time::advance(Duration::from_secs(601)).await;
        backoff.collect_garbage();
        assert_eq!(backoff.get("a"), Duration::ZERO);
    }
}
