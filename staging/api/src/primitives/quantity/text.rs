//! From a quantity to its canonical text.
//!
//! The mantissa is a whole number without factors that the suffix can take, and the suffix is the
//! largest that fits. Binary suffixes are used only for whole numbers of at least 1024.

use std::fmt;

use num_bigint::{BigInt, Sign};
use num_integer::Integer as _;
use num_traits::{Signed as _, Zero as _};

use super::{Format, Quantity, Repr, Scale, arithmetic::MAX_SPAN};

const BINARY: [&str; 7] = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const DECIMAL: [&str; 10] = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"];

impl fmt::Display for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Repr::Large(large) = &self.repr
            && let Some(text) = &large.text
        {
            return formatter.write_str(text);
        }
        if self.is_zero() {
            return formatter.write_str("0");
        }
        match self.format() {
            Format::BinarySI => match self.binary_whole() {
                Some(whole) => write_binary(formatter, whole),
                None => self.write_decimal(formatter, Format::DecimalSI),
            },
            format => self.write_decimal(formatter, format),
        }
    }
}

impl fmt::Debug for Quantity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Quantity({self})")
    }
}

enum Whole {
    Small(i64),
    Big(BigInt),
}

impl Quantity {
    /// The value, if it is a whole number that binary suffixes are used for.
    fn binary_whole(&self) -> Option<Whole> {
        let whole = match self.small() {
            Some((mantissa, 0)) => Whole::Small(mantissa),
            _ => {
                // Below one there is nothing whole, however fine the scale.
                if !(1..=MAX_SPAN).contains(&self.order()) {
                    return None;
                }
                let mantissa = self.mantissa();
                let power = BigInt::from(10).pow(self.scale().unsigned_abs());
                let whole = if self.scale() >= 0 {
                    mantissa * power
                } else {
                    let (whole, remainder) = mantissa.div_rem(&power);
                    if !remainder.is_zero() {
                        return None;
                    }
                    whole
                };
                match i64::try_from(&whole) {
                    Ok(small) => Whole::Small(small),
                    Err(_) => Whole::Big(whole),
                }
            }
        };
        match whole {
            Whole::Small(-1023..=1023) => None,
            whole => Some(whole),
        }
    }

    fn write_decimal(&self, formatter: &mut fmt::Formatter<'_>, format: Format) -> fmt::Result {
        match self.small() {
            Some((mantissa, scale)) => {
                let (mut mantissa, mut exponent) = (i128::from(mantissa), i64::from(scale));
                while mantissa % 10 == 0 {
                    mantissa /= 10;
                    exponent += 1;
                }
                while exponent.rem_euclid(3) != 0 {
                    mantissa *= 10;
                    exponent -= 1;
                }
                write_decimal_parts(formatter, &mantissa, exponent, format)
            }
            None => {
                let (mut mantissa, mut exponent) = self.normalized();
                let excess = exponent.rem_euclid(3);
                mantissa *= BigInt::from(10).pow(u32::try_from(excess).expect("a remainder of three is small"));
                exponent -= excess;
                write_decimal_parts(formatter, &mantissa, exponent, format)
            }
        }
    }

    /// Mantissa without factors of ten, and its exponent.
    pub(super) fn normalized(&self) -> (BigInt, i64) {
        let mut exponent = i64::from(self.scale());
        let ten = BigInt::from(10);
        let mut mantissa = self.mantissa();
        while !mantissa.is_zero() {
            let (quotient, remainder) = mantissa.div_rem(&ten);
            if !remainder.is_zero() {
                break;
            }
            mantissa = quotient;
            exponent += 1;
        }
        (mantissa, exponent)
    }
}

/// Decimal SI ends at `n` and `E`; what lies beyond is written with an exponent.
fn write_decimal_parts(
    formatter: &mut fmt::Formatter<'_>,
    mantissa: &dyn fmt::Display,
    exponent: i64,
    format: Format,
) -> fmt::Result {
    let suffix = usize::try_from((exponent + 9) / 3)
        .ok()
        .filter(|_| exponent >= -9)
        .and_then(|i| DECIMAL.get(i));
    match (format, suffix) {
        (_, Some(&"")) => write!(formatter, "{mantissa}"),
        (Format::DecimalSI | Format::BinarySI, Some(suffix)) => write!(formatter, "{mantissa}{suffix}"),
        _ => write!(formatter, "{mantissa}e{exponent}"),
    }
}

fn write_binary(formatter: &mut fmt::Formatter<'_>, whole: Whole) -> fmt::Result {
    let top = BINARY.len() - 1;
    match whole {
        Whole::Small(whole) => {
            let times = (whole.trailing_zeros() as usize / 10).min(top);
            write!(formatter, "{}{}", whole >> (10 * times), BINARY[times])
        }
        Whole::Big(whole) => {
            let zeros = whole.magnitude().trailing_zeros().unwrap_or(0);
            let times = usize::try_from(zeros / 10).map_or(top, |t| t.min(top));
            let sign = if whole.sign() == Sign::Minus { "-" } else { "" };
            write!(formatter, "{sign}{}{}", whole.abs() >> (10 * times), BINARY[times])
        }
    }
}

/// Digits of `mantissa` in front of the point once `scale` is applied: the value lies in
/// `[10^(order-1), 10^order)`. Zero has order 0.
pub(super) fn order(mantissa: &BigInt, scale: Scale) -> i64 {
    if mantissa.is_zero() {
        return 0;
    }
    let digits = i64::try_from(mantissa.magnitude().to_string().len()).expect("a number in memory has fewer digits");
    digits + i64::from(scale)
}
