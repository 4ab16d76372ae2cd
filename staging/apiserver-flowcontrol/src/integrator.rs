//! A figure over time: its average, deviation and greatest value (upstream: `fairqueuing/integrator.go`).

use std::time::{Duration, Instant};

/// Follows a figure.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Integrator {
    since: Instant,
    value: f64,
    elapsed: f64,
    sum: f64,
    squares: f64,
    greatest: f64,
}

/// What a figure did over a period.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Observed {
    pub(crate) period: Duration,
    pub(crate) average: f64,
    pub(crate) deviation: f64,
    pub(crate) greatest: f64,
}

impl Integrator {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            value: 0.0,
            elapsed: 0.0,
            sum: 0.0,
            squares: 0.0,
            greatest: 0.0,
        }
    }

    fn advance(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        self.elapsed += seconds;
        self.sum += self.value * seconds;
        self.squares += self.value * self.value * seconds;
    }

    pub(crate) fn set(&mut self, value: f64, now: Instant) {
        self.advance(now);
        self.value = value;
        self.greatest = self.greatest.max(value);
    }

    /// The period since the last reset; the value goes on.
    pub(crate) fn reset(&mut self, now: Instant) -> Observed {
        self.advance(now);
        let observed = if self.elapsed > 0.0 {
            let average = self.sum / self.elapsed;
            Observed {
                period: Duration::from_secs_f64(self.elapsed),
                average,
                deviation: (self.squares / self.elapsed - average * average).max(0.0).sqrt(),
                greatest: self.greatest,
            }
        } else {
            Observed {
                greatest: self.greatest,
                ..Observed::default()
            }
        };
        (self.elapsed, self.sum, self.squares) = (0.0, 0.0, 0.0);
        self.greatest = self.value;
        observed
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::Integrator;

    #[test]
    fn weighs_by_time() {
        let start = Instant::now();
        let mut figure = Integrator::new(start);
        figure.set(4.0, start);
        figure.set(0.0, start + Duration::from_secs(1));
        let observed = figure.reset(start + Duration::from_secs(4));
        assert_eq!((observed.average, observed.greatest), (1.0, 4.0));
        assert!((observed.deviation - 3.0_f64.sqrt()).abs() < 1e-9);
        let rest = figure.reset(start + Duration::from_secs(5));
        assert_eq!((rest.average, rest.greatest), (0.0, 0.0));
    }
}
