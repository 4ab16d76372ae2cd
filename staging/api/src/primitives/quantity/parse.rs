//! From text to a quantity.

use std::str::FromStr;

use num_bigint::{BigInt, BigUint};
use num_traits::Zero as _;

use super::{Format, Quantity, Scale};

/// Why a text is not a quantity; worded as upstream's clients see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseQuantityError {
    /// Not of the form number, suffix.
    #[error("quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'")]
    Format,
    /// The number has no digits, or more than can be handled.
    #[error("unable to parse numeric part of quantity")]
    Numeric,
    /// The suffix is none of the known ones.
    #[error("unable to parse quantity's suffix")]
    Suffix,
}

/// Decimal digits that an `i64` always holds.
const SAFE_DIGITS: i64 = 18;

struct Parts<'a> {
    negative: bool,
    /// Digits before the point without leading zeros; `0` where there are none.
    whole: &'a str,
    /// Digits behind the point.
    fraction: &'a str,
    /// Whether there was any digit at all before the suffix.
    digits: bool,
    suffix: &'a str,
}

fn digits(text: &str) -> usize {
    text.bytes().take_while(u8::is_ascii_digit).count()
}

/// Splits `text`; laxer than the regular expression in the same places as upstream (`+`, `.` and
/// `m` are zero).
fn split(text: &str) -> Result<Parts<'_>, ParseQuantityError> {
    let negative = text.starts_with('-');
    let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
    let rest = unsigned.trim_start_matches('0');
    let had_zeros = rest.len() < unsigned.len();
    let (whole, rest) = rest.split_at(digits(rest));
    let (fraction, suffix) = match rest.strip_prefix('.') {
        Some(rest) => rest.split_at(digits(rest)),
        None => ("", rest),
    };
    let letters = suffix.bytes().take_while(|b| b"eEinumkKMGTP".contains(b)).count();
    let exponent = &suffix[letters..];
    let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
    if digits(exponent) != exponent.len() {
        return Err(ParseQuantityError::Format);
    }
    let digits = had_zeros || !whole.is_empty() || !fraction.is_empty();
    Ok(Parts {
        negative,
        whole: if whole.is_empty() { "0" } else { whole },
        fraction,
        digits,
        suffix,
    })
}

enum Unit {
    Ten(Scale, Format),
    Two(u32),
}

fn unit(suffix: &str) -> Option<Unit> {
    Some(match suffix {
        "" => Unit::Ten(0, Format::DecimalSI),
        "n" => Unit::Ten(-9, Format::DecimalSI),
        "u" => Unit::Ten(-6, Format::DecimalSI),
        "m" => Unit::Ten(-3, Format::DecimalSI),
        "k" => Unit::Ten(3, Format::DecimalSI),
        "M" => Unit::Ten(6, Format::DecimalSI),
        "G" => Unit::Ten(9, Format::DecimalSI),
        "T" => Unit::Ten(12, Format::DecimalSI),
        "P" => Unit::Ten(15, Format::DecimalSI),
        "E" => Unit::Ten(18, Format::DecimalSI),
        "Ki" => Unit::Two(10),
        "Mi" => Unit::Two(20),
        "Gi" => Unit::Two(30),
        "Ti" => Unit::Two(40),
        "Pi" => Unit::Two(50),
        "Ei" => Unit::Two(60),
        _ => {
            let exponent: i64 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "upstream keeps the low 32 bits of the exponent"
            )]
            let exponent = exponent as i32;
            Unit::Ten(exponent, Format::DecimalExponent)
        }
    })
}

impl FromStr for Quantity {
    type Err = ParseQuantityError;

    fn from_str(text: &str) -> Result<Self, ParseQuantityError> {
        if text.is_empty() {
            return Err(ParseQuantityError::Format);
        }
        let parts = split(text)?;
        let unit = unit(parts.suffix).ok_or(ParseQuantityError::Suffix)?;
        match fast(text, &parts, &unit) {
            Some(quantity) => Ok(quantity),
            None => exact(&parts, &unit),
        }
    }
}

fn signed(parts: &Parts<'_>, magnitude: i64) -> i64 {
    if parts.negative { -magnitude } else { magnitude }
}

/// The path of numbers that fit an `i64` and are no finer than nano.
fn fast(text: &str, parts: &Parts<'_>, unit: &Unit) -> Option<Quantity> {
    let places = i64::try_from(parts.whole.len() + parts.fraction.len()).ok()?;
    match *unit {
        Unit::Ten(exponent, format) => {
            if places > SAFE_DIGITS {
                return None;
            }
            let scale = i64::from(exponent) - i64::try_from(parts.fraction.len()).ok()?;
            let scale = Scale::try_from(scale).ok().filter(|s| *s >= Quantity::NANO)?;
            let magnitude = parts
                .whole
                .bytes()
                .chain(parts.fraction.bytes())
                .fold(0, |n, b| n * 10 + i64::from(b - b'0'));
            let value = signed(parts, magnitude);
            let kept = scale % 3 == 0 && magnitude % 1000 != 0 && parts.whole != "0";
            if kept && !is_canonical(parts, text, format) {
                return Some(Quantity::with_text(value, scale, format, text));
            }
            Some(Quantity::new_scaled(value, scale).with_format(format))
        }
        Unit::Two(shift) => {
            if !parts.fraction.is_empty() {
                return None;
            }
            let count: i64 = parts.whole.parse().ok()?;
            let value = signed(parts, count.checked_mul(1 << shift)?);
            // Digits for which upstream takes its fast path and so keeps the spelling.
            let fast = places + 1 + i64::from(shift) * 3 / 10 <= 15;
            if fast && count & 7 != 0 && !is_canonical(parts, text, Format::BinarySI) {
                return Some(Quantity::with_text(value, 0, Format::BinarySI, text));
            }
            Some(Quantity::new(value, Format::BinarySI))
        }
    }
}

/// Whether a text whose scale and trailing zeros are canonical is so altogether.
fn is_canonical(parts: &Parts<'_>, text: &str, format: Format) -> bool {
    let number = text.strip_prefix('-').unwrap_or(text);
    let plain = !number.starts_with(['+', '0']) && !text[..text.len() - parts.suffix.len()].contains('.');
    let exponent = match format {
        Format::DecimalExponent => parts.suffix.strip_prefix('e').is_some_and(|digits| {
            let digits = digits.strip_prefix('-').unwrap_or(digits);
            !digits.starts_with(['+', '0']) && digits.len() < 10
        }),
        Format::DecimalSI | Format::BinarySI => true,
    };
    plain && exponent
}

/// The path of everything else: arbitrary precision, rounded away from zero to nano; binary units
/// are capped at 2^63-1.
fn exact(parts: &Parts<'_>, unit: &Unit) -> Result<Quantity, ParseQuantityError> {
    if !parts.digits {
        return Err(ParseQuantityError::Numeric);
    }
    let magnitude = [parts.whole, parts.fraction].concat();
    let mut magnitude = BigUint::parse_bytes(magnitude.as_bytes(), 10).ok_or(ParseQuantityError::Numeric)?;
    let places = i64::try_from(parts.fraction.len()).map_err(|_| ParseQuantityError::Numeric)?;
    let (exponent, mut format) = match *unit {
        Unit::Ten(exponent, format) => (i64::from(exponent), format),
        Unit::Two(shift) => {
            magnitude <<= shift;
            (0, Format::BinarySI)
        }
    };
    let mut scale = exponent - places;
    if scale < i64::from(Quantity::NANO) && !magnitude.is_zero() {
        magnitude = round_up(&magnitude, (i64::from(Quantity::NANO) - scale).unsigned_abs());
        scale = i64::from(Quantity::NANO);
    }
    let scale = if magnitude.is_zero() {
        0
    } else {
        Scale::try_from(scale).map_err(|_| ParseQuantityError::Numeric)?
    };
    let mut value = Quantity::from_big(BigInt::from(magnitude), scale, format);
    if format == Format::BinarySI {
        if value > Quantity::from(i64::MAX) {
            value = Quantity::new(i64::MAX, format);
        } else if value < Quantity::from(1) && !value.is_zero() {
            format = Format::DecimalSI;
        }
    }
    value = value.with_format(format);
    if parts.negative {
        value.neg();
    }
    Ok(value)
}

/// `magnitude / 10^places`, rounded up.
fn round_up(magnitude: &BigUint, places: u64) -> BigUint {
    // A power of ten with more digits than the number leaves only the rounding.
    match u32::try_from(places).ok().filter(|p| u64::from(*p) <= magnitude.bits()) {
        Some(places) => {
            let divisor = BigUint::from(10_u32).pow(places);
            (magnitude + &divisor - 1_u32) / divisor
        }
        None => BigUint::from(1_u32),
    }
}
