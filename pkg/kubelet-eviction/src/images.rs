//! Which images go.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// When images go.
#[derive(Clone, Copy, Debug)]
pub struct ImagePolicy {
    /// From this percentage of their file system on.
    pub high: i32,
    /// Down to this one.
    pub low: i32,
    /// Younger ones stay.
    pub min_age: Duration,
    /// Older unused ones go in any case; none is never.
    pub max_age: Option<Duration>,
}

/// An image as the runtime has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageFacts {
    /// Its id.
    pub id: String,
    /// Its size in bytes.
    pub size: u64,
    /// It never goes.
    pub pinned: bool,
}

#[derive(Clone, Copy)]
struct Life {
    detected: Instant,
    used: Option<Instant>,
}

/// Remembers when images came and were last used.
#[derive(Default)]
pub struct ImageLives(HashMap<String, Life>);

impl ImageLives {
    /// Takes in which images there are and which of them are used.
    pub fn observe(&mut self, images: &[ImageFacts], used: &HashSet<String>, now: Instant) {
        let present: HashSet<_> = images.iter().map(|image| image.id.as_str()).collect();
        self.0.retain(|id, _| present.contains(id.as_str()));
        for image in images {
            let life = self.0.entry(image.id.clone()).or_insert(Life {
                detected: now,
                used: None,
            });
            if used.contains(&image.id) {
                life.used = Some(now);
            }
        }
    }

    /// The images that may go, the one that was not used for the longest time first.
    #[must_use]
    pub fn candidates(&self, images: &[ImageFacts], used: &HashSet<String>) -> Vec<ImageFacts> {
        let unused = images.iter().filter(|image| !image.pinned && !used.contains(&image.id));
        let mut candidates: Vec<_> = unused.cloned().collect();
        candidates.sort_by_key(|image| self.0.get(&image.id).map(|life| (life.used, life.detected)));
        candidates
    }

    /// Whether an image is young enough to stay.
    #[must_use]
    pub fn is_young(&self, id: &str, policy: &ImagePolicy, now: Instant) -> bool {
        let life = self.0.get(id);
        life.is_none_or(|life| now.duration_since(life.detected) < policy.min_age)
    }

    /// Whether an unused image is so old that it goes in any case.
    #[must_use]
    pub fn is_stale(&self, id: &str, policy: &ImagePolicy, now: Instant) -> bool {
        let Some(max_age) = policy.max_age else { return false };
        let life = self.0.get(id);
        life.is_some_and(|life| now.duration_since(life.used.unwrap_or(life.detected)) > max_age)
    }
}

/// How many bytes have to be freed; none if the file system is not full enough.
#[must_use]
pub fn to_free(policy: &ImagePolicy, capacity: u64, available: u64) -> Option<u64> {
    let available = available.min(capacity);
    if capacity == 0 {
        return None;
    }
    let used = 100 - i128::from(available) * 100 / i128::from(capacity);
    if used < i128::from(policy.high) {
        return None;
    }
    let wanted = i128::from(capacity) * i128::from(100 - policy.low) / 100 - i128::from(available);
    u64::try_from(wanted).ok().filter(|wanted| *wanted > 0)
}
