//! The time of day, so that tests can pause it.

use std::sync::Arc;
use std::time::SystemTime;

/// A source of the time of day.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> SystemTime;
}

/// A shared clock.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock, adjustments included.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that started at the time of day and goes on with tokio's time, paused or not.
#[derive(Clone, Copy, Debug)]
pub struct TokioClock {
    wall: SystemTime,
    started: tokio::time::Instant,
}

impl Default for TokioClock {
    fn default() -> Self {
        Self {
            wall: SystemTime::now(),
            started: tokio::time::Instant::now(),
        }
    }
}

impl Clock for TokioClock {
    fn now(&self) -> SystemTime {
        self.wall + self.started.elapsed()
    }
}

/// Nanoseconds since 1970, as the runtime counts, as a moment; 0 and less is none.
#[must_use]
pub fn from_unix_nanos(nanos: i64) -> Option<SystemTime> {
    let nanos = u64::try_from(nanos).ok().filter(|nanos| *nanos > 0)?;
    Some(SystemTime::UNIX_EPOCH + std::time::Duration::from_nanos(nanos))
}
