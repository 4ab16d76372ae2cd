//! Token buckets by key, the latest used of them.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use parking_lot::Mutex;

#[derive(Debug)]
struct Bucket {
    tokens: f64,
    at: Instant,
    /// When it was used last, in uses of all buckets.
    used: u64,
}

#[derive(Debug, Default)]
struct State {
    buckets: HashMap<String, Bucket>,
    /// Keys by last use: the oldest is forgotten first.
    by_use: BTreeMap<u64, String>,
    uses: u64,
}

/// Buckets that fill with time.
#[derive(Debug)]
pub(super) struct Buckets {
    per_second: f64,
    burst: f64,
    most: usize,
    state: Mutex<State>,
}

impl Buckets {
    pub(super) fn new(qps: i32, burst: i32, most: usize) -> Self {
        Self {
            per_second: f64::from(qps),
            burst: f64::from(burst),
            most,
            state: Mutex::default(),
        }
    }

    /// Takes a token out of the bucket of `key`, if there is one; a key that is not known has a full bucket.
    pub(super) fn take(&self, key: &str, now: Instant) -> bool {
        let mut state = self.state.lock();
        state.uses += 1;
        let use_number = state.uses;
        let (tokens, taken) = match state.buckets.get(key) {
            None => (self.burst, None),
            Some(bucket) => {
                let gained = now.saturating_duration_since(bucket.at).as_secs_f64() * self.per_second;
                ((bucket.tokens + gained).min(self.burst), Some(bucket.used))
            }
        };
        if let Some(used) = taken {
            state.by_use.remove(&used);
        } else if state.buckets.len() >= self.most
            && let Some((_, oldest)) = state.by_use.pop_first()
        {
            state.buckets.remove(&oldest);
        }
        let allowed = tokens >= 1.0;
        let bucket = Bucket {
            tokens: if allowed { tokens - 1.0 } else { tokens },
            at: now,
            used: use_number,
        };
        state.buckets.insert(key.to_owned(), bucket);
        state.by_use.insert(use_number, key.to_owned());
        allowed
    }
}
