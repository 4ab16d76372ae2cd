//! How long a key that failed waits (upstream: `default_rate_limiters.go`).

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use parking_lot::Mutex;

use crate::rest::rate_limit::TokenBucket;

/// Says how long keys wait before they come again.
pub trait RateLimiter<K>: Send + Sync {
    /// How long this key waits now.
    fn when(&self, key: &K) -> Duration;
    /// The key succeeded, or is given up: the next failure is its first.
    fn forget(&self, key: &K);
    /// How often the key has failed.
    fn num_requeues(&self, key: &K) -> u32;
}

/// Twice as long after every failure of a key.
pub struct ItemExponentialFailure<K> {
    base: Duration,
    limit: Duration,
    failures: Mutex<HashMap<K, u32>>,
}

impl<K> ItemExponentialFailure<K> {
    /// From `base` up to `limit`.
    #[must_use]
    pub fn new(base: Duration, limit: Duration) -> Self {
        Self {
            base,
            limit,
            failures: Mutex::default(),
        }
    }
}

fn count<K: Hash + Eq + Clone>(failures: &Mutex<HashMap<K, u32>>, key: &K) -> u32 {
    let mut failures = failures.lock();
    if let Some(count) = failures.get_mut(key) {
        *count = count.saturating_add(1);
        return *count;
    }
    failures.insert(key.clone(), 1);
    1
}

impl<K: Hash + Eq + Clone + Send> RateLimiter<K> for ItemExponentialFailure<K> {
    fn when(&self, key: &K) -> Duration {
        let exponent = count(&self.failures, key) - 1;
        2_u32
            .checked_pow(exponent)
            .and_then(|factor| self.base.checked_mul(factor))
            .map_or(self.limit, |d| d.min(self.limit))
    }

    fn forget(&self, key: &K) {
        self.failures.lock().remove(key);
    }

    fn num_requeues(&self, key: &K) -> u32 {
        self.failures.lock().get(key).copied().unwrap_or(0)
    }
}

/// A short pause for the first failures of a key, a long one for those after.
pub struct ItemFastSlow<K> {
    fast: Duration,
    slow: Duration,
    attempts: u32,
    failures: Mutex<HashMap<K, u32>>,
}

impl<K> ItemFastSlow<K> {
    /// `fast` for `attempts` failures, then `slow`.
    #[must_use]
    pub fn new(fast: Duration, slow: Duration, attempts: u32) -> Self {
        Self {
            fast,
            slow,
            attempts,
            failures: Mutex::default(),
        }
    }
}

impl<K: Hash + Eq + Clone + Send> RateLimiter<K> for ItemFastSlow<K> {
    fn when(&self, key: &K) -> Duration {
        if count(&self.failures, key) <= self.attempts {
            self.fast
        } else {
            self.slow
        }
    }

    fn forget(&self, key: &K) {
        self.failures.lock().remove(key);
    }

    fn num_requeues(&self, key: &K) -> u32 {
        self.failures.lock().get(key).copied().unwrap_or(0)
    }
}

/// A token bucket over all keys.
pub struct Bucket(TokenBucket);

impl Bucket {
    /// So many a second, so many at once.
    #[must_use]
    pub fn new(rate: f64, burst: u32) -> Self {
        Self(TokenBucket::new(rate, burst))
    }
}

impl<K> RateLimiter<K> for Bucket {
    fn when(&self, _key: &K) -> Duration {
        self.0.reserve()
    }

    fn forget(&self, _key: &K) {}

    fn num_requeues(&self, _key: &K) -> u32 {
        0
    }
}

/// The longest of several.
pub struct MaxOf<K>(pub Vec<Box<dyn RateLimiter<K>>>);

impl<K> RateLimiter<K> for MaxOf<K> {
    fn when(&self, key: &K) -> Duration {
        self.0.iter().map(|limiter| limiter.when(key)).max().unwrap_or_default()
    }

    fn forget(&self, key: &K) {
        self.0.iter().for_each(|limiter| limiter.forget(key));
    }

    fn num_requeues(&self, key: &K) -> u32 {
        self.0
            .iter()
            .map(|limiter| limiter.num_requeues(key))
            .max()
            .unwrap_or_default()
    }
}

/// What controllers use: 5 ms to 1,000 s a key, and over all keys 10 a second with 100 at once.
#[must_use]
pub fn default_limiter<K: Hash + Eq + Clone + Send + 'static>() -> MaxOf<K> {
    let item = ItemExponentialFailure::new(Duration::from_millis(5), Duration::from_secs(1000));
    MaxOf(vec![Box::new(item), Box::new(Bucket::new(10.0, 100))])
}
