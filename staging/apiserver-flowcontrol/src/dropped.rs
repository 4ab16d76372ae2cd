//! How long refused clients are told to stay away: longer while many are refused
//! (upstream: `dropped_requests_tracker.go`).

use std::collections::VecDeque;

/// Longest `Retry-After` in seconds.
const LONGEST: u64 = 32;

/// Refusals of one priority level, by seconds.
#[derive(Debug)]
pub(crate) struct Dropped {
    /// Seconds and how many were refused in them; the present one last.
    history: VecDeque<(u64, u64)>,
    retry_after: u64,
    raised_at: u64,
}

impl Default for Dropped {
    fn default() -> Self {
        Self {
            history: VecDeque::new(),
            retry_after: 1,
            raised_at: 0,
        }
    }
}

impl Dropped {
    /// Notes a refusal in this second (of the Unix epoch); returns the seconds for `Retry-After`.
    pub(crate) fn note(&mut self, second: u64) -> u64 {
        match self.history.back_mut() {
            Some((last, count)) if *last == second => *count += 1,
            _ => {
                self.adjust(second);
                self.history.push_back((second, 1));
            }
        }
        self.retry_after
    }

    fn adjust(&mut self, second: u64) {
        let oldest = second.saturating_sub((2 * self.retry_after).min(LONGEST));
        while self.history.front().is_some_and(|(then, _)| *then < oldest) {
            self.history.pop_front();
        }
        let recent = second.saturating_sub(self.retry_after);
        let counts = self.history.iter().filter(|(then, _)| *then >= recent);
        let dropped: u64 = counts.map(|(_, count)| count).sum();
        if second.saturating_sub(self.raised_at) >= self.retry_after && dropped >= 3 * self.retry_after {
            self.retry_after = (2 * self.retry_after).min(LONGEST);
            self.raised_at = second;
        } else if dropped < self.retry_after && self.retry_after > 1 {
            self.retry_after -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Dropped;

    #[test]
    fn rises_fast_and_falls_slowly() {
        let mut dropped = Dropped::default();
        let mut second = 1000;
        let mut seen = Vec::new();
        for _ in 0..4 {
            for _ in 0..200 {
                dropped.note(second);
            }
            second += dropped.retry_after;
            seen.push(dropped.note(second));
        }
        assert_eq!(seen, [2, 4, 8, 16]);
        for expected in [15, 14] {
            second += 60;
            assert_eq!(dropped.note(second), expected);
        }
    }
}
