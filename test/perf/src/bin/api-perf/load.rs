//! Many requests, some at once.

use std::time::{Duration, Instant};

use futures::{StreamExt as _, TryStreamExt as _};

use crate::Failure;

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// How long something took, over many.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Latency {
    sorted: Vec<Duration>,
}

impl Latency {
    pub(crate) fn new(mut taken: Vec<Duration>) -> Self {
        taken.sort_unstable();
        Self { sorted: taken }
    }

    /// What so many of a hundred do not exceed.
    pub(crate) fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).copied()
    }
}

/// Sends `count` requests.
pub(crate) async fn run<F>(count: usize, send: impl Fn(usize) -> F) -> Result<Latency, Failure>
where
    F: Future<Output = Result<(), Failure>>,
{
    let requests = (0..count).map(|number| {
        let request = send(number);
        async {
            let begun = Instant::now();
            request.await.map(|()| begun.elapsed())
        }
    });
    let taken = futures::stream::iter(requests).buffer_unordered(AT_ONCE).try_collect();
    Ok(Latency::new(taken.await?))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Latency;

    #[test]
    fn percentiles_are_values_that_were_seen() {
        let taken = (1..=200).rev().map(Duration::from_millis).collect();
        let latency = Latency::new(taken);
        let seen = [50, 90, 99].map(|percent| latency.percentile(percent));
        assert_eq!(seen, [100, 180, 198].map(|ms| Some(Duration::from_millis(ms))));
        assert_eq!(Latency::default().percentile(50), None);
    }
}
