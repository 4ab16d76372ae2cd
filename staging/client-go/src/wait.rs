//! Waiting: back-off, polling, retries on conflict (upstream: `util/wait`, `util/retry`).

use std::time::Duration;

use rand::Rng as _;
use tokio::time::{Instant, sleep};

use crate::rest::Error;

/// Pauses that grow.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    limit: Duration,
    factor: f64,
    jitter: f64,
    /// A pause this long after the last one starts over.
    reset_after: Duration,
    current: Duration,
    last: Option<Instant>,
}

impl Backoff {
    /// Pauses from `first` to `limit`, each `factor` times the one before, each up to `jitter` times longer.
    #[must_use]
    pub fn new(first: Duration, limit: Duration, factor: f64, jitter: f64) -> Self {
        Self {
            first,
            limit,
            factor,
            jitter,
            reset_after: Duration::MAX,
            current: first,
            last: None,
        }
    }

    /// Starts over when nothing has failed for this long.
    #[must_use]
    pub fn reset_after(mut self, quiet: Duration) -> Self {
        self.reset_after = quiet;
        self
    }

    /// What lists and watches use: 0.8 to 30 seconds, doubled, with jitter, reset after two minutes.
    #[must_use]
    pub fn reflector() -> Self {
        Self::new(Duration::from_millis(800), Duration::from_secs(30), 2.0, 1.0).reset_after(Duration::from_secs(120))
    }

    /// Starts over.
    pub fn reset(&mut self) {
        self.current = self.first;
    }

    /// The next pause.
    pub fn next_delay(&mut self) -> Duration {
        let now = Instant::now();
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) > self.reset_after)
        {
            self.reset();
        }
        self.last = Some(now);
        let delay = self.current;
        self.current = self.current.mul_f64(self.factor).min(self.limit);
        jitter(delay, self.jitter)
    }
}

/// `duration`, or up to `factor` times longer.
#[must_use]
pub fn jitter(duration: Duration, factor: f64) -> Duration {
    if factor <= 0.0 {
        duration
    } else {
        duration.mul_f64(1.0 + rand::rng().random::<f64>() * factor)
    }
}

/// Calls `condition` at once and then once a period, until it holds. False when `timeout` has passed.
///
/// # Errors
/// The first error of the condition.
pub async fn poll<E>(
    period: Duration,
    timeout: Duration,
    mut condition: impl AsyncFnMut() -> Result<bool, E>,
) -> Result<bool, E> {
    let deadline = Instant::now() + timeout;
    loop {
        if condition().await? {
            return Ok(true);
        }
        if Instant::now() + period > deadline {
            return Ok(false);
        }
        sleep(period).await;
    }
}

/// Calls `change` until it ends otherwise than in a conflict, five times at most, with pauses of about 10 ms. It must read
/// the object anew each time.
///
/// # Errors
/// Its last error.
pub async fn retry_on_conflict<T>(change: impl AsyncFnMut() -> Result<T, Error>) -> Result<T, Error> {
    let backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(10), 1.0, 0.1);
    retry(backoff, 5, Error::is_conflict, change).await
}

/// Calls `action` until it ends well or in an error that is not worth another try, `attempts` times at most.
///
/// # Errors
/// Its last error.
pub async fn retry<T, E>(
    mut backoff: Backoff,
    attempts: u32,
    retriable: impl Fn(&E) -> bool,
    mut action: impl AsyncFnMut() -> Result<T, E>,
) -> Result<T, E> {
    for _ in 1..attempts {
        match action().await {
            Err(error) if retriable(&error) => sleep(backoff.next_delay()).await,
            outcome => return outcome,
        }
    }
    action().await
}
