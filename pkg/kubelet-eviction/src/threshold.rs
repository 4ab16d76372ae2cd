//! Thresholds, as the configuration says them.

use std::collections::BTreeMap;
use std::time::Duration;

use k8s_api::primitives::Quantity;

use crate::signal::Signal;

/// An amount, or a part of what there is in all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// So much.
    Absolute(i64),
    /// Such a part of it, from 0 to 1.
    Part(f64),
}

impl Amount {
    /// How much that is.
    #[must_use]
    pub fn of(self, capacity: i64) -> i64 {
        match self {
            Self::Absolute(amount) => amount,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_precision_loss,
                reason = "percentages are that exact only"
            )]
            Self::Part(part) => (capacity as f64 * part) as i64,
        }
    }
}

/// Below which amount something has to be done.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// Of what.
    pub signal: Signal,
    /// The least that is enough.
    pub least: Amount,
    /// How long it may be less; hard thresholds have none.
    pub grace: Option<Duration>,
    /// How much more than the least there has to be before it is enough again.
    pub reclaim: Amount,
}

/// A threshold cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ThresholdError {
    /// No such signal.
    #[error("unsupported eviction signal {0}")]
    Signal(String),
    /// Neither an amount nor a percentage.
    #[error("invalid eviction threshold {1} of {0}")]
    Amount(String, String),
    /// A soft threshold without a grace period.
    #[error("grace period must be specified for the soft eviction threshold {0}")]
    NoGrace(String),
    /// A grace period that is no time.
    #[error("invalid grace period {1} of the soft eviction threshold {0}")]
    Grace(String, String),
}

/// The parts of a configuration.
#[derive(Clone, Copy, Debug)]
pub struct Thresholds<'a> {
    /// `evictionHard`.
    pub hard: &'a BTreeMap<String, String>,
    /// `evictionSoft`.
    pub soft: &'a BTreeMap<String, String>,
    /// `evictionSoftGracePeriod`, read.
    pub grace: &'a BTreeMap<String, Duration>,
    /// `evictionMinimumReclaim`.
    pub reclaim: &'a BTreeMap<String, String>,
    /// Whether pods together are held to what is allocatable: then they are watched like the whole node's memory.
    pub allocatable_enforced: bool,
}

fn amount(name: &str, text: &str) -> Result<Amount, ThresholdError> {
    let wrong = || ThresholdError::Amount(name.to_owned(), text.to_owned());
    match text.strip_suffix('%') {
        Some(percent) => percent
            .parse::<f64>()
            .map(|percent| Amount::Part(percent / 100.0))
            .map_err(|_| wrong()),
        None => text
            .parse::<Quantity>()
            .map(|amount| Amount::Absolute(amount.value()))
            .map_err(|_| wrong()),
    }
}

/// Reads them; `0%` and `100%` switch one off.
///
/// # Errors
/// With the first that cannot be used.
pub fn thresholds(from: &Thresholds<'_>) -> Result<Vec<Threshold>, ThresholdError> {
    let mut all = Vec::new();
    let hard = from.hard.iter().map(|it| (it, true));
    for ((name, text), is_hard) in hard.chain(from.soft.iter().map(|it| (it, false))) {
        let signal = Signal::parse(name).ok_or_else(|| ThresholdError::Signal(name.clone()))?;
        if text == "0%" || text == "100%" {
            continue;
        }
        let reclaim = from.reclaim.get(name).map(|text| amount(name, text)).transpose()?;
        let grace = || {
            let grace = from.grace.get(name).copied();
            grace.ok_or_else(|| ThresholdError::NoGrace(name.clone()))
        };
        let threshold = Threshold {
            signal,
            least: amount(name, text)?,
            grace: if is_hard { None } else { Some(grace()?) },
            reclaim: reclaim.unwrap_or(Amount::Absolute(0)),
        };
        all.push(threshold);
        if from.allocatable_enforced && is_hard && signal == Signal::Memory {
            all.push(Threshold {
                signal: Signal::AllocatableMemory,
                ..threshold
            });
        }
    }
    Ok(all)
}
