//! [`Patience`]: statuses that are about to change again may wait.

use std::collections::HashMap;
use std::time::Duration;

use client_go::cache::ObjectKey;
use parking_lot::Mutex;
use tokio::time::Instant;

/// How long a status may wait.
const LIMIT: Duration = Duration::from_secs(1);

/// Remembers since when owners wait for what they have asked for.
#[derive(Debug, Default)]
pub struct Patience(Mutex<HashMap<ObjectKey, Instant>>);

impl Patience {
    /// Whether the status of an owner can wait, and how long, because pods that were just made or deleted have yet to be
    /// seen (`pending`): what would be written now is wrong at once. When they do not come, it is written all the same.
    pub fn wait(&self, key: &ObjectKey, pending: bool) -> Option<Duration> {
        let mut waiting = self.0.lock();
        if !pending {
            waiting.remove(key);
            return None;
        }
        let since = *waiting.entry(key.clone()).or_insert_with(Instant::now);
        let left = LIMIT.checked_sub(since.elapsed()).filter(|left| !left.is_zero());
        if left.is_none() {
            waiting.remove(key);
        }
        left
    }

    /// The owner is gone.
    pub fn forget(&self, key: &ObjectKey) {
        self.0.lock().remove(key);
    }
}
