//! One field of a schedule: a set of numbers.

use super::atoi;

/// Why a field is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// More than one `-`.
    #[error("too many hyphens: {0}")]
    Hyphens(String),
    /// More than one `/`.
    #[error("too many slashes: {0}")]
    Slashes(String),
    /// Not a number, and no name that the field knows.
    #[error("failed to parse int from {0}: {1}")]
    Number(String, String),
    /// A number below zero.
    #[error("negative number ({0}) not allowed: {1}")]
    Negative(i64, String),
    /// A range that starts too low.
    #[error("beginning of range ({0}) below minimum ({1}): {2}")]
    BelowMinimum(i64, i64, String),
    /// A range that ends too high.
    #[error("end of range ({0}) above maximum ({1}): {2}")]
    AboveMaximum(i64, i64, String),
    /// A range from back to front.
    #[error("beginning of range ({0}) beyond end of range ({1}): {2}")]
    Backwards(i64, i64, String),
    /// A step of zero.
    #[error("step of range should be a positive number: {0}")]
    NoStep(String),
}

/// The numbers that a field can have.
#[derive(Debug)]
pub(super) struct Bounds {
    least: i64,
    most: i64,
    /// Names of the numbers from `least` on.
    names: &'static [&'static str],
}

const fn numbers(least: i64, most: i64) -> Bounds {
    Bounds {
        least,
        most,
        names: &[],
    }
}

pub(super) const MINUTE: Bounds = numbers(0, 59);
pub(super) const HOUR: Bounds = numbers(0, 23);
pub(super) const DAY_OF_MONTH: Bounds = numbers(1, 31);
pub(super) const MONTH: Bounds = Bounds {
    least: 1,
    most: 12,
    names: &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
};
pub(super) const DAY_OF_WEEK: Bounds = Bounds {
    least: 0,
    most: 6,
    names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
};

/// A set of numbers below 64.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Field {
    bits: u64,
    /// Whether the field is `*` in some part, which makes it no restriction beside another one.
    pub(super) star: bool,
}

impl Field {
    pub(super) fn parse(text: &str, bounds: &Bounds) -> Result<Self, FieldError> {
        let mut field = Self::default();
        for expression in text.split(',').filter(|part| !part.is_empty()) {
            let part = range(expression, bounds)?;
            field.bits |= part.bits;
            field.star |= part.star;
        }
        Ok(field)
    }

    /// Whether no number is in the set, as of a field that consists of commas.
    pub(super) fn is_empty(self) -> bool {
        self.bits == 0
    }

    pub(super) fn contains(self, number: i8) -> bool {
        u32::try_from(number).is_ok_and(|number| self.bits >> number & 1 == 1)
    }
}

fn range(expression: &str, bounds: &Bounds) -> Result<Field, FieldError> {
    let mut slashes = expression.split('/');
    let ends = slashes.next().unwrap_or_default();
    let (step, more) = (slashes.next(), slashes.next().is_some());
    let mut hyphens = ends.split('-');
    let low = hyphens.next().unwrap_or_default();
    let (high, too_many) = (hyphens.next(), hyphens.next().is_some());

    let mut star = matches!(low, "*" | "?");
    let (start, mut end) = if star {
        (bounds.least, bounds.most)
    } else {
        let start = number_or_name(low, bounds)?;
        if too_many {
            return Err(FieldError::Hyphens(expression.into()));
        }
        let end = high.map_or(Ok(start), |high| number_or_name(high, bounds))?;
        (start, end)
    };
    if more {
        return Err(FieldError::Slashes(expression.into()));
    }
    let step = match step {
        None => 1,
        Some(step) => {
            let step = number(step)?;
            if high.is_none() {
                end = bounds.most;
            }
            star &= step <= 1;
            step
        }
    };
    if start < bounds.least {
        return Err(FieldError::BelowMinimum(start, bounds.least, expression.into()));
    }
    if end > bounds.most {
        return Err(FieldError::AboveMaximum(end, bounds.most, expression.into()));
    }
    if start > end {
        return Err(FieldError::Backwards(start, end, expression.into()));
    }
    if step == 0 {
        return Err(FieldError::NoStep(expression.into()));
    }
    let step = usize::try_from(step).unwrap_or(usize::MAX);
    let bits = (start..=end).step_by(step).fold(0, |bits, number| bits | 1 << number);
    Ok(Field { bits, star })
}

fn number_or_name(text: &str, bounds: &Bounds) -> Result<i64, FieldError> {
    let position = bounds.names.iter().position(|name| text.eq_ignore_ascii_case(name));
    match position.and_then(|position| i64::try_from(position).ok()) {
        Some(position) => Ok(bounds.least + position),
        None => number(text),
    }
}

fn number(text: &str) -> Result<i64, FieldError> {
    let number = atoi(text).map_err(|error| FieldError::Number(text.into(), error))?;
    if number < 0 {
        return Err(FieldError::Negative(number, text.into()));
    }
    Ok(number)
}
