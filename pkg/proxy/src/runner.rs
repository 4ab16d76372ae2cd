//! Runs syncs neither too often nor too seldom: a minimum time between two, a maximum without one, and retries with
//! back-off after a failure. Requests during a run or a pause are merged. Counterpart upstream: `runner`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

/// The first pause after a failure; it doubles up to the retry interval.
const FIRST_RETRY: Duration = Duration::from_secs(1);

/// How often to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequency {
    /// Time between the end of a run and the start of the next.
    pub min_interval: Duration,
    /// Longest pause before a failed run is tried again.
    pub retry_interval: Duration,
    /// Longest time without a run.
    pub max_interval: Duration,
}

/// What a run says about the next one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The run failed and wants to be repeated.
    pub failed: bool,
    /// There is something to do at this time even if nobody asks.
    pub wake_at: Option<std::time::Instant>,
}

/// Asks for runs. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Trigger(Arc<Notify>);

impl Trigger {
    /// Asks for a run as soon as the minimum interval allows. Never blocks.
    pub fn run(&self) {
        self.0.notify_one();
    }
}

/// Runs `work` when asked, on failure, and when time is up, until `cancel`. Cancel safe between runs; a run that has
/// begun is finished.
pub async fn run<F: Future<Output = Outcome>>(
    frequency: Frequency,
    trigger: Trigger,
    cancel: CancellationToken,
    mut work: impl FnMut() -> F,
) {
    let mut next = Instant::now() + frequency.max_interval;
    let mut retry = FIRST_RETRY;
    loop {
        tokio::select! {
            biased;
            () = cancel.cancelled() => return,
            // Asked for, or time is up: either way it is time to run.
            _ = timeout_at(next, trigger.0.notified()) => {}
        }
        let outcome = work().await;
        let now = Instant::now();
        next = now + frequency.max_interval;
        if outcome.failed {
            next = next.min(now + retry.min(frequency.retry_interval));
            retry = (retry * 2).min(frequency.retry_interval.max(FIRST_RETRY));
        } else {
            retry = FIRST_RETRY;
        }
        if let Some(wake_at) = outcome.wake_at {
            next = next.min(Instant::from_std(wake_at));
        }
        tokio::select! {
            () = cancel.cancelled() => return,
            () = sleep_until(now + frequency.min_interval) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const FREQUENCY: Frequency = Frequency {
        min_interval: Duration::from_secs(2),
        retry_interval: Duration::from_secs(4),
        max_interval: Duration::from_secs(100),
    };

    /// Runs for `seconds`, asking at the given seconds, and returns when runs started. The first `failures` runs fail.
    async fn starts(asked: &[u64], failures: usize, seconds: u64) -> Vec<u64> {
        let begin = Instant::now();
        let (trigger, cancel) = (Trigger::default(), CancellationToken::new());
        let runs = Arc::new(Mutex::new(Vec::new()));
        let work = {
            let runs = runs.clone();
            move || {
                let mut runs = runs.lock().expect("not poisoned");
                runs.push(begin.elapsed().as_secs());
                let failed = runs.len() <= failures;
                async move { Outcome { failed, wake_at: None } }
            }
        };
        let task = tokio::spawn(run(FREQUENCY, trigger.clone(), cancel.clone(), work));
        for second in asked {
            sleep_until(begin + Duration::from_secs(*second)).await;
            trigger.run();
        }
        sleep_until(begin + Duration::from_secs(seconds)).await;
        cancel.cancel();
        task.await.expect("the runner does not panic");
        runs.lock().expect("not poisoned").clone()
    }

    #[tokio::test(start_paused = true)]
    async fn requests_are_merged_and_spaced() {
        assert_eq!(starts(&[1, 1, 1, 2, 2, 50], 0, 99).await, [1, 3, 50]);
    }

    #[tokio::test(start_paused = true)]
    async fn runs_without_being_asked() {
        assert_eq!(starts(&[], 0, 250).await, [100, 200]);
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_retried_with_back_off() {
        // Pauses of 1 (raised to the minimum interval of 2), 2, 4, 4 seconds; then success.
        assert_eq!(starts(&[1], 4, 60).await, [1, 3, 5, 9, 13]);
    }
}
