//! [`Clock`]: the present moment, which tests set themselves.

use std::sync::Arc;
use std::time::Duration;

use k8s_api::primitives::{MicroTime, Time};
use parking_lot::Mutex;

/// What controllers ask for the time of day; clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock(Option<Arc<Mutex<MicroTime>>>);

impl Clock {
    /// The system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands still at `now` until it is moved.
    #[must_use]
    pub fn fixed(now: Time) -> Self {
        Self(Some(Arc::new(Mutex::new(MicroTime::from_unix(now.unix_seconds(), 0)))))
    }

    /// The present moment, in whole seconds as objects carry it.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now_micro().into()
    }

    /// The present moment, in microseconds.
    #[must_use]
    pub fn now_micro(&self) -> MicroTime {
        match &self.0 {
            Some(fixed) => *fixed.lock(),
            None => MicroTime::now(),
        }
    }

    /// How long it is until `moment`; zero if it has come.
    #[must_use]
    pub fn until(&self, moment: Time) -> Duration {
        MicroTime::from_unix(moment.unix_seconds(), 0).since(self.now_micro())
    }

    /// How long ago `moment` was; zero if it is still to come.
    #[must_use]
    pub fn since(&self, moment: Time) -> Duration {
        self.now_micro().since(MicroTime::from_unix(moment.unix_seconds(), 0))
    }

    /// Moves a clock that stands still; the system's goes its own way.
    pub fn advance(&self, by: Duration) {
        if let Some(fixed) = &self.0 {
            let mut now = fixed.lock();
            *now = now.plus(by);
        }
    }
}
