//! What a controller has asked for and not yet seen in its cache (upstream: `pkg/controller/controller_utils.go`).
//!
//! Between a create or delete and the moment when the informer shows it, the cache is behind; a controller that acted on it
//! would do its work twice. It notes what it expects before the call, lowers it as events come (or when the call fails),
//! and waits while anything is left. Expectations that are not met within five minutes are given up: better to act on what
//! may be old than never.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// After this long an expectation counts as met.
pub const TIMEOUT: Duration = Duration::from_secs(300);

#[derive(Clone, Copy, Debug)]
struct Expected {
    creations: i64,
    deletions: i64,
    since: Instant,
}

/// Expected creations and deletions, by controller key.
#[derive(Debug)]
pub struct Expectations<K> {
    by_key: Mutex<HashMap<K, Expected>>,
}

impl<K> Default for Expectations<K> {
    fn default() -> Self {
        Self {
            by_key: Mutex::default(),
        }
    }
}

impl<K: Hash + Eq + Clone> Expectations<K> {
    /// Whether the controller may act: everything has come, it is overdue, or nothing was ever expected.
    pub fn satisfied(&self, key: &K) -> bool {
        self.by_key.lock().get(key).is_none_or(|expected| {
            (expected.creations <= 0 && expected.deletions <= 0) || expected.since.elapsed() > TIMEOUT
        })
    }

    fn set(&self, key: &K, creations: i64, deletions: i64) {
        self.by_key.lock().insert(
            key.clone(),
            Expected {
                creations,
                deletions,
                since: Instant::now(),
            },
        );
    }

    /// Expects so many creations, and nothing else.
    pub fn expect_creations(&self, key: &K, count: usize) {
        self.set(key, i64::try_from(count).unwrap_or(i64::MAX), 0);
    }

    /// Expects so many deletions, and nothing else.
    pub fn expect_deletions(&self, key: &K, count: usize) {
        self.set(key, 0, i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Expects more, beside what is expected already.
    pub fn raise(&self, key: &K, creations: usize, deletions: usize) {
        self.change(
            key,
            i64::try_from(creations).unwrap_or(i64::MAX),
            i64::try_from(deletions).unwrap_or(i64::MAX),
        );
    }

    fn change(&self, key: &K, creations: i64, deletions: i64) {
        if let Some(expected) = self.by_key.lock().get_mut(key) {
            expected.creations = expected.creations.saturating_add(creations);
            expected.deletions = expected.deletions.saturating_add(deletions);
        }
    }

    /// A creation has come, or has failed.
    pub fn creation_observed(&self, key: &K) {
        self.change(key, -1, 0);
    }

    /// A deletion has come, or has failed.
    pub fn deletion_observed(&self, key: &K) {
        self.change(key, 0, -1);
    }

    /// Creations and deletions that are still expected.
    #[must_use]
    pub fn pending(&self, key: &K) -> (i64, i64) {
        self.by_key
            .lock()
            .get(key)
            .map_or((0, 0), |expected| (expected.creations, expected.deletions))
    }

    /// The controller is gone.
    pub fn forget(&self, key: &K) {
        self.by_key.lock().remove(key);
    }
}

/// The same, with deletions told apart: an object whose deletion was expected may show more than one event of it.
#[derive(Debug)]
pub struct UidExpectations<K> {
    counts: Expectations<K>,
    deleting: Mutex<HashMap<K, HashSet<String>>>,
}

impl<K> Default for UidExpectations<K> {
    fn default() -> Self {
        Self {
            counts: Expectations::default(),
            deleting: Mutex::default(),
        }
    }
}

impl<K: Hash + Eq + Clone> UidExpectations<K> {
    /// See [`Expectations::satisfied`].
    pub fn satisfied(&self, key: &K) -> bool {
        self.counts.satisfied(key)
    }

    /// Expects so many creations, and nothing else.
    pub fn expect_creations(&self, key: &K, count: usize) {
        self.counts.expect_creations(key, count);
    }

    /// Expects these deletions, and nothing else. The keys are UIDs or `namespace/name`.
    pub fn expect_deletions(&self, key: &K, deleted: impl IntoIterator<Item = String>) {
        let deleted: HashSet<_> = deleted.into_iter().collect();
        let mut deleting = self.deleting.lock();
        self.counts.expect_deletions(key, deleted.len());
        deleting.insert(key.clone(), deleted);
    }

    /// Expects so many creations and these deletions, and nothing else.
    pub fn expect(&self, key: &K, creations: usize, deleted: impl IntoIterator<Item = String>) {
        let deleted: HashSet<_> = deleted.into_iter().collect();
        let mut deleting = self.deleting.lock();
        self.counts.expect_deletions(key, deleted.len());
        self.counts.raise(key, creations, 0);
        deleting.insert(key.clone(), deleted);
    }

    /// A creation has come, or has failed.
    pub fn creation_observed(&self, key: &K) {
        self.counts.creation_observed(key);
    }

    /// The deletion has come, or has failed; counts once.
    pub fn deletion_observed(&self, key: &K, deleted: &str) {
        let mut deleting = self.deleting.lock();
        if deleting.get_mut(key).is_some_and(|expected| expected.remove(deleted)) {
            self.counts.deletion_observed(key);
        }
    }

    /// The controller is gone.
    pub fn forget(&self, key: &K) {
        let mut deleting = self.deleting.lock();
        self.counts.forget(key);
        deleting.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_controller_waits_for_what_it_expects_for_five_minutes_at_most() {
        let expectations = Expectations::default();
        assert!(expectations.satisfied(&"rs"));
        expectations.creation_observed(&"rs");
        assert!(expectations.satisfied(&"rs"), "what was not expected changes nothing");
        expectations.expect_creations(&"rs", 2);
        expectations.creation_observed(&"rs");
        assert!(!expectations.satisfied(&"rs"));
        assert_eq!(expectations.pending(&"rs"), (1, 0));
        expectations.raise(&"rs", 0, 1);
        expectations.creation_observed(&"rs");
        assert!(!expectations.satisfied(&"rs"));
        expectations.deletion_observed(&"rs");
        assert!(expectations.satisfied(&"rs"));
        expectations.expect_deletions(&"rs", 1);
        tokio::time::advance(TIMEOUT).await;
        assert!(!expectations.satisfied(&"rs"));
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(expectations.satisfied(&"rs"));
    }

    #[tokio::test(start_paused = true)]
    async fn one_deletion_counts_once() {
        let expectations = UidExpectations::default();
        expectations.expect_deletions(&"rs", ["a".to_owned(), "b".to_owned()]);
        expectations.deletion_observed(&"rs", "a");
        expectations.deletion_observed(&"rs", "a");
        expectations.deletion_observed(&"rs", "stranger");
        assert!(!expectations.satisfied(&"rs"));
        expectations.deletion_observed(&"rs", "b");
        assert!(expectations.satisfied(&"rs"));
        expectations.expect_creations(&"rs", 1);
        expectations.forget(&"rs");
        assert!(expectations.satisfied(&"rs"));
    }
}
