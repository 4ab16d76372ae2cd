//! How fast counters grow.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// Two looks closer together than this tell nothing.
const SHORTEST: Duration = Duration::from_secs(1);
/// What was not looked at for so long is forgotten.
const FORGOTTEN: Duration = Duration::from_secs(600);

struct Sample {
    nanos: u64,
    at: Instant,
    rate: Option<u64>,
}

/// CPU time by whose it is.
#[derive(Default)]
pub(crate) struct Rates(Mutex<HashMap<String, Sample>>);

impl Rates {
    /// Billionths of a CPU since the look before; `None` at the first.
    pub(crate) fn nano_cores(&self, key: &str, nanos: u64, now: Instant) -> Option<u64> {
        let mut samples = self.0.lock();
        samples.retain(|_, sample| now.duration_since(sample.at) < FORGOTTEN);
        let Some(sample) = samples.get_mut(key) else {
            let sample = Sample {
                nanos,
                at: now,
                rate: None,
            };
            samples.insert(key.to_owned(), sample);
            return None;
        };
        let passed = now.duration_since(sample.at);
        if passed >= SHORTEST {
            // A counter that goes back is another's.
            let rate = nanos.checked_sub(sample.nanos).map(|grown| {
                let rate = u128::from(grown) * 1_000_000_000 / passed.as_nanos().max(1);
                u64::try_from(rate).unwrap_or(u64::MAX)
            });
            *sample = Sample { nanos, at: now, rate };
        }
        sample.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_of_counters() {
        let (rates, start) = (Rates::default(), Instant::now());
        let second = Duration::from_secs(1);
        assert_eq!(rates.nano_cores("a", 100, start), None);
        assert_eq!(
            rates.nano_cores("a", 1_000_000_100, start + second * 2),
            Some(500_000_000)
        );
        assert_eq!(
            rates.nano_cores("a", 9, start + second * 2),
            Some(500_000_000),
            "too soon"
        );
        assert_eq!(
            rates.nano_cores("a", 9, start + second * 4),
            None,
            "the counter went back"
        );
    }
}
