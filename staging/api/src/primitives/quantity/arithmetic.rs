//! Comparison, sums, products, rounding and conversions.

use std::{
    cmp::Ordering,
    hash::{Hash, Hasher},
};

use num_bigint::{BigInt, Sign};
use num_integer::Integer as _;
use num_traits::{Signed as _, Zero as _};

use super::{Format, Quantity, Repr, Scale, text::order};

/// How many decimal digits two operands may lie apart before the smaller one is lost in a sum.
///
/// Upstream has no such bound and spends memory in proportion to the exponent (`1e1000000000`).
pub(super) const MAX_SPAN: i64 = 4096;

fn pow10(exponent: u32) -> Option<i64> {
    10_i64.checked_pow(exponent)
}

/// `value / 10^places`, rounded away from zero, and whether that was exact.
fn divide_up(value: i64, places: u32) -> (i64, bool) {
    match pow10(places) {
        Some(divisor) => match value % divisor {
            0 => (value / divisor, true),
            remainder => (value / divisor + remainder.signum(), false),
        },
        None => (value.signum(), value == 0),
    }
}

fn divide_up_big(value: &BigInt, places: u32) -> (BigInt, bool) {
    let (quotient, remainder) = value.div_rem(&BigInt::from(10).pow(places));
    let exact = remainder.is_zero();
    (if exact { quotient } else { quotient + remainder.signum() }, exact)
}

impl Quantity {
    /// Whether the value is zero.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.signum() == 0
    }

    /// -1, 0 or 1.
    #[must_use]
    pub fn signum(&self) -> i32 {
        match &self.repr {
            Repr::Small { mantissa, .. } => mantissa.signum() as i32,
            Repr::Large(large) => match large.mantissa.sign() {
                Sign::Minus => -1,
                Sign::NoSign => 0,
                Sign::Plus => 1,
            },
        }
    }

    pub(super) fn order(&self) -> i64 {
        match self.small() {
            Some((0, _)) => 0,
            Some((mantissa, scale)) => i64::from(mantissa.unsigned_abs().ilog10()) + 1 + i64::from(scale),
            None => order(&self.mantissa(), self.scale()),
        }
    }

    /// The value as a whole number, if it is one and fits.
    #[must_use]
    pub fn as_i64(&self) -> Option<i64> {
        let (value, exact) = self.round_to(0)?;
        exact.then_some(value)
    }

    /// The value in units of `10^scale`, rounded away from zero, and whether that was exact.
    /// `None` if it does not fit.
    fn round_to(&self, scale: Scale) -> Option<(i64, bool)> {
        let places = i64::from(scale) - i64::from(self.scale());
        let distance = u32::try_from(places.unsigned_abs()).unwrap_or(u32::MAX);
        match self.small() {
            Some((mantissa, _)) if places >= 0 => Some(divide_up(mantissa, distance)),
            Some((0, _)) => Some((0, true)),
            Some((mantissa, _)) => Some((mantissa.checked_mul(pow10(distance)?)?, true)),
            None if places > 0 && self.order() - i64::from(scale) > 20 => None,
            None if places > 0 && self.order() < i64::from(scale) - 1 => Some((self.signum().into(), false)),
            None if places > 0 => {
                let (value, exact) = divide_up_big(&self.mantissa(), distance);
                Some((i64::try_from(value).ok()?, exact))
            }
            // The mantissa alone is too large already.
            None => None,
        }
    }

    /// The value in units of `10^scale`, rounded away from zero; `None` if it does not fit.
    #[must_use]
    pub fn checked_scaled_value(&self, scale: Scale) -> Option<i64> {
        self.round_to(scale).map(|(value, _)| value)
    }

    /// The value in units of `10^scale`, rounded away from zero; 0 if it does not fit, as upstream.
    #[must_use]
    pub fn scaled_value(&self, scale: Scale) -> i64 {
        self.checked_scaled_value(scale).unwrap_or(0)
    }

    /// The value, rounded away from zero to a whole number; 0 if it does not fit.
    #[must_use]
    pub fn value(&self) -> i64 {
        self.scaled_value(0)
    }

    /// The value in thousandths, rounded away from zero; 0 if it does not fit.
    #[must_use]
    pub fn milli_value(&self) -> i64 {
        self.scaled_value(Self::MILLI)
    }

    /// The nearest floating-point number.
    #[must_use]
    pub fn as_f64(&self) -> f64 {
        const EXACT: u64 = 1 << 53;
        match self.small() {
            Some((mantissa, scale @ -22..=22)) if mantissa.unsigned_abs() <= EXACT => {
                #[expect(clippy::cast_precision_loss, reason = "at most 53 bits")]
                let value = mantissa as f64;
                let power = 10_f64.powi(scale.abs());
                if scale < 0 { value / power } else { value * power }
            }
            _ => {
                let text = format!("{}e{}", self.mantissa(), self.scale());
                text.parse()
                    .expect("digits and an exponent are a floating-point number")
            }
        }
    }

    /// Rounds away from zero to a multiple of `10^scale`; returns whether nothing was lost.
    pub fn round_up(&mut self, scale: Scale) -> bool {
        if self.scale() >= scale {
            return true;
        }
        let format = self.format();
        let distance = u32::try_from(i64::from(scale) - i64::from(self.scale())).unwrap_or(u32::MAX);
        let (value, exact) = match self.small() {
            Some((mantissa, _)) => {
                let (value, exact) = divide_up(mantissa, distance);
                (value.into(), exact)
            }
            None if self.order() < i64::from(scale) - 1 => (BigInt::from(self.signum()), false),
            None => divide_up_big(&self.mantissa(), distance),
        };
        *self = Self::from_big(value, scale, format);
        exact
    }

    /// Adds `other`. Zero takes over the format of `other`.
    pub fn add(&mut self, other: &Self) {
        let format = if self.is_zero() { other.format() } else { self.format() };
        if let (Some((a, a_scale)), Some((b, b_scale))) = (self.small(), other.small())
            && let Some((mantissa, scale)) = add_small((a, a_scale), (b, b_scale))
        {
            self.repr = Repr::Small {
                format,
                scale,
                mantissa,
            };
            return;
        }
        let span = (self.order() - other.order()).abs();
        *self = if other.is_zero() || (span > MAX_SPAN && self.order() > other.order()) {
            self.clone().with_format(format)
        } else if self.is_zero() || span > MAX_SPAN {
            other.clone().with_format(format)
        } else {
            let scale = self.scale().min(other.scale());
            Self::from_big(self.mantissa_at(scale) + other.mantissa_at(scale), scale, format)
        };
    }

    /// The mantissa at a scale that is no larger than the quantity's own.
    fn mantissa_at(&self, scale: Scale) -> BigInt {
        self.mantissa() * BigInt::from(10).pow(self.scale().abs_diff(scale))
    }

    /// Subtracts `other`. Zero takes over the format of `other`.
    pub fn sub(&mut self, other: &Self) {
        let mut negated = other.clone();
        negated.neg();
        self.add(&negated);
    }

    /// Multiplies by `factor`; returns whether the result's mantissa still fits 64 bits.
    pub fn mul(&mut self, factor: i64) -> bool {
        let (format, scale) = (self.format(), self.scale());
        *self = Self::from_big(self.mantissa() * factor, if factor == 0 { 0 } else { scale }, format);
        matches!(self.repr, Repr::Small { .. })
    }

    /// Changes the sign.
    pub fn neg(&mut self) {
        let format = self.format();
        match self.small() {
            Some((mantissa, scale)) if mantissa != i64::MIN => {
                self.repr = Repr::Small {
                    format,
                    scale,
                    mantissa: -mantissa,
                };
            }
            _ => *self = Self::from_big(-self.mantissa(), self.scale(), format),
        }
    }

    /// Sets the value to `value × 10^scale`, keeping the format.
    pub fn set_scaled(&mut self, value: i64, scale: Scale) {
        self.repr = Repr::Small {
            format: self.format(),
            scale,
            mantissa: value,
        };
    }

    /// Compares with a whole number.
    #[must_use]
    pub fn cmp_i64(&self, value: i64) -> Ordering {
        self.cmp(&Self::new(value, Format::DecimalSI))
    }
}

/// The sum at the finer of the two scales, if it fits.
fn add_small(a: (i64, Scale), b: (i64, Scale)) -> Option<(i64, Scale)> {
    match (a, b) {
        (_, (0, _)) => Some(a),
        ((0, _), _) => Some(b),
        _ => {
            let (coarse, fine) = if a.1 >= b.1 { (a, b) } else { (b, a) };
            let factor = pow10(coarse.1.abs_diff(fine.1))?;
            Some((coarse.0.checked_mul(factor)?.checked_add(fine.0)?, fine.1))
        }
    }
}

impl Ord for Quantity {
    fn cmp(&self, other: &Self) -> Ordering {
        if let (Some((a, a_scale)), Some((b, b_scale))) = (self.small(), other.small()) {
            if a_scale == b_scale {
                return a.cmp(&b);
            }
            let (exponent, a_coarser) = (a_scale.abs_diff(b_scale), a_scale > b_scale);
            if let Some(factor) = 10_i128.checked_pow(exponent).filter(|_| exponent <= 18) {
                let (a, b) = (i128::from(a), i128::from(b));
                return if a_coarser {
                    (a * factor).cmp(&b)
                } else {
                    a.cmp(&(b * factor))
                };
            }
        }
        let signs = self.signum().cmp(&other.signum());
        if signs != Ordering::Equal || self.is_zero() {
            return signs;
        }
        let orders = self.order().cmp(&other.order());
        if orders != Ordering::Equal {
            return if self.signum() < 0 { orders.reverse() } else { orders };
        }
        // Equal orders: the scales differ by no more than the digits that are there.
        let scale = self.scale().min(other.scale());
        self.mantissa_at(scale).cmp(&other.mantissa_at(scale))
    }
}

impl PartialOrd for Quantity {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Quantity {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Quantity {}

impl Hash for Quantity {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_zero() {
            return 0_u8.hash(state);
        }
        let (mantissa, exponent) = self.normalized();
        mantissa.hash(state);
        exponent.hash(state);
    }
}

impl std::ops::AddAssign<&Quantity> for Quantity {
    fn add_assign(&mut self, other: &Quantity) {
        self.add(other);
    }
}

impl std::ops::SubAssign<&Quantity> for Quantity {
    fn sub_assign(&mut self, other: &Quantity) {
        self.sub(other);
    }
}
