//! How long things take.

use std::time::Duration;

/// How long something took, over many.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    sorted: Vec<Duration>,
}

impl Latency {
    /// Of all that was taken.
    #[must_use]
    pub fn new(mut taken: Vec<Duration>) -> Self {
        taken.sort_unstable();
        Self { sorted: taken }
    }

    /// What so many of a hundred do not exceed; nothing of nothing.
    #[must_use]
    pub fn percentile(&self, percent: usize) -> Option<Duration> {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).copied()
    }
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
