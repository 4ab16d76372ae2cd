//! A token bucket: so many a second, and so many at once (upstream: `util/flowcontrol`, `golang.org/x/time/rate`).
//!
//! Who comes first is served first: a caller takes its place in the queue when it asks, not when it wakes up.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::{Instant, sleep_until};

/// A token bucket.
#[derive(Debug)]
pub struct TokenBucket {
    /// Tokens a second; infinite for no limit.
    rate: f64,
    burst: f64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Below zero as long as callers wait.
    tokens: f64,
    updated: Instant,
}

impl TokenBucket {
    /// A full bucket. A rate of zero or below is no limit.
    #[must_use]
    pub fn new(rate: f64, burst: u32) -> Self {
        let rate = if rate > 0.0 { rate } else { f64::INFINITY };
        let burst = f64::from(burst.max(1));
        Self {
            rate,
            burst,
            state: Mutex::new(State {
                tokens: burst,
                updated: Instant::now(),
            }),
        }
    }

    fn refill(&self, state: &mut State, now: Instant) {
        let gained = now.saturating_duration_since(state.updated).as_secs_f64() * self.rate;
        state.tokens = (state.tokens + gained).min(self.burst);
        state.updated = now;
    }

    /// Takes a token if there is one.
    pub fn try_accept(&self) -> bool {
        if self.rate.is_infinite() {
            return true;
        }
        let mut state = self.state.lock();
        self.refill(&mut state, Instant::now());
        let there = state.tokens >= 1.0;
        if there {
            state.tokens -= 1.0;
        }
        there
    }

    /// Takes a token, perhaps one of the future, and says how long until it is there.
    pub fn reserve(&self) -> Duration {
        if self.rate.is_infinite() {
            return Duration::ZERO;
        }
        let mut state = self.state.lock();
        self.refill(&mut state, Instant::now());
        state.tokens -= 1.0;
        if state.tokens >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-state.tokens / self.rate)
        }
    }

    /// Waits for a token; says how long it took. A caller that is dropped while it waits gives its token back.
    pub async fn accept(&self) -> Duration {
        let delay = self.reserve();
        if delay.is_zero() {
            return delay;
        }
        let mut guard = GiveBack(Some(self));
        sleep_until(Instant::now() + delay).await;
        guard.0 = None;
        delay
    }
}

struct GiveBack<'a>(Option<&'a TokenBucket>);

impl Drop for GiveBack<'_> {
    fn drop(&mut self) {
        if let Some(bucket) = self.0 {
            bucket.state.lock().tokens += 1.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_the_rate_in_the_order_of_asking() {
        let bucket = TokenBucket::new(5.0, 10);
        let started = Instant::now();
        for _ in 0..10 {
            assert_eq!(bucket.accept().await, Duration::ZERO);
        }
        assert!(!bucket.try_accept());
        for _ in 0..5 {
            bucket.accept().await;
        }
        let elapsed = started.elapsed();
        assert!(
            (Duration::from_millis(995)..=Duration::from_millis(1010)).contains(&elapsed),
            "{elapsed:?}"
        );
        assert_eq!(
            bucket.reserve().as_millis() / 10,
            20 - u128::from(elapsed > Duration::from_secs(1))
        );
    }

    #[tokio::test(start_paused = true)]
    async fn who_gives_up_gives_the_token_back() {
        let bucket = TokenBucket::new(1.0, 1);
        assert!(bucket.try_accept());
        let gave_up = tokio::time::timeout(Duration::from_millis(10), bucket.accept()).await;
        assert!(gave_up.is_err());
        let wait = bucket.reserve();
        assert!(wait <= Duration::from_secs(1), "{wait:?}");
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        runtime.block_on(async {
            let bucket = TokenBucket::new(-1.0, 1);
            assert!((0..1000).all(|_| bucket.try_accept()));
        });
    }
}
