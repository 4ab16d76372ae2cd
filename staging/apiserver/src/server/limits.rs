//! How many requests may be under way (`--max-requests-inflight`, `--max-mutating-requests-inflight`).

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::request::{RequestInfo, UserInfo, names};

/// Places for requests; long-running ones take none, and neither do those of `system:masters`.
#[derive(Clone, Debug)]
pub struct InFlightLimits {
    reading: Option<Arc<Semaphore>>,
    mutating: Option<Arc<Semaphore>>,
}

/// A request's place; dropping it gives the place back.
#[derive(Debug)]
pub struct Place {
    _permit: Option<OwnedSemaphorePermit>,
}

impl InFlightLimits {
    /// Limits for reading and for mutating requests; 0 for none.
    #[must_use]
    pub fn new(reading: usize, mutating: usize) -> Self {
        let limit = |places: usize| (places > 0).then(|| Arc::new(Semaphore::new(places)));
        Self {
            reading: limit(reading),
            mutating: limit(mutating),
        }
    }

    /// Takes a place; `None` if there is none.
    #[must_use]
    pub fn enter(&self, info: &RequestInfo, user: &UserInfo) -> Option<Place> {
        if info.is_long_running() || user.in_group(names::PRIVILEGED_GROUP) {
            return Some(Place { _permit: None });
        }
        let reads = matches!(info.verb.as_str(), "get" | "list" | "head" | "options");
        let Some(places) = (if reads { &self.reading } else { &self.mutating }) else {
            return Some(Place { _permit: None });
        };
        let permit = places.clone().try_acquire_owned().ok()?;
        Some(Place { _permit: Some(permit) })
    }
}
