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

/// What of the images' file system has to be freed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Excess {
    /// How full it is, in percent.
    pub used: u8,
    /// How many bytes are too many.
    pub bytes: u64,
}

/// What has to be freed; nothing if the file system is not full enough.
#[must_use]
pub fn to_free(policy: &ImagePolicy, capacity: u64, available: u64) -> Option<Excess> {
    let available = available.min(capacity);
    if capacity == 0 {
        return None;
    }
    let used = 100 - i128::from(available) * 100 / i128::from(capacity);
    if used < i128::from(policy.high) {
        return None;
    }
    let wanted = i128::from(capacity) * i128::from(100 - policy.low) / 100 - i128::from(available);
    let bytes = u64::try_from(wanted).ok().filter(|bytes| *bytes > 0)?;
    Some(Excess {
        used: u8::try_from(used).unwrap_or(100),
        bytes,
    })
}

/// What is said when unused images were not enough.
#[must_use]
pub fn insufficient(excess: Excess, capacity: u64, freed: u64) -> String {
    format!(
        "Insufficient free disk space on the node's image filesystem ({}% of {} used). Failed to free sufficient space by \
         deleting unused images (freed {freed} bytes). Investigate disk usage, as it could be used by active images, logs, \
         volumes, or other data.",
        excess.used,
        shown(capacity)
    )
}

#[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
fn shown(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut amount = bytes as f64 / 1024.0;
    let mut unit = 0;
    while amount >= 1024.0 && unit + 1 < UNITS.len() {
        amount /= 1024.0;
        unit += 1;
    }
    format!("{amount:.1} {}", UNITS[unit])
}
