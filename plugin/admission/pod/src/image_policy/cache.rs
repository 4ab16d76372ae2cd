//! Answers that still count.

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::ImageReviewStatus;

/// Most answers that are kept; when there are more, those that end first go.
const MOST: usize = 1024;

#[derive(Debug)]
pub(super) struct Answers {
    allow_ttl: Duration,
    deny_ttl: Duration,
    known: Mutex<HashMap<String, (Instant, ImageReviewStatus)>>,
}

impl Answers {
    pub(super) fn new(allow_ttl: Duration, deny_ttl: Duration) -> Self {
        Self {
            allow_ttl,
            deny_ttl,
            known: Mutex::default(),
        }
    }

    pub(super) fn get(&self, key: &str, now: Instant) -> Option<ImageReviewStatus> {
        let known = self.known.lock();
        let (until, status) = known.get(key)?;
        (*until > now).then(|| status.clone())
    }

    pub(super) fn put(&self, key: String, status: ImageReviewStatus, now: Instant) {
        let ttl = if status.allowed { self.allow_ttl } else { self.deny_ttl };
        if ttl.is_zero() {
            return;
        }
        let mut known = self.known.lock();
        if known.len() >= MOST {
            known.retain(|_, (until, _)| *until > now);
        }
        if known.len() >= MOST {
            let first = known.iter().min_by_key(|(_, (until, _))| *until);
            if let Some(first) = first.map(|(key, _)| key.clone()) {
                known.remove(&first);
            }
        }
        known.insert(key, (now + ttl, status));
    }
}
