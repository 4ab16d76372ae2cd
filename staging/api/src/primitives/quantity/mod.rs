//! Fixed-point numbers with a unit suffix (upstream: `k8s.io/apimachinery/pkg/api/resource`).
//!
//! A quantity is `mantissa × 10^scale` and a preferred [`Format`]. Nearly all fit an `i64` mantissa
//! and take 16 bytes without a heap; larger ones, and the few whose spelling upstream keeps though it
//! is not canonical (`+5`, `1.500`), are boxed.
//!
//! Comparison, equality and hashing go by value: `1Gi == 1024Mi`.

mod arithmetic;
mod codec;
mod parse;
mod text;

use num_bigint::BigInt;

pub use parse::ParseQuantityError;

/// A power of ten that a value is measured in ([`Quantity::scaled_value`]).
pub type Scale = i32;

/// Which family of suffixes a quantity is written with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Format {
    /// `n u m k M G T P E`.
    #[default]
    DecimalSI,
    /// `Ki Mi Gi Ti Pi Ei`.
    BinarySI,
    /// `e3`, `e-6`.
    DecimalExponent,
}

/// A fixed-point number such as `100m`, `1.5Gi` or `12e6`.
#[derive(Clone)]
pub struct Quantity {
    repr: Repr,
}

#[derive(Clone)]
enum Repr {
    Small {
        format: Format,
        scale: Scale,
        mantissa: i64,
    },
    Large(Box<Large>),
}

#[derive(Clone)]
struct Large {
    format: Format,
    scale: Scale,
    mantissa: BigInt,
    /// The spelling to keep, where it differs from the canonical one.
    text: Option<Box<str>>,
}

impl Quantity {
    /// Billionths, the finest grain that parsing keeps.
    pub const NANO: Scale = -9;
    /// Millionths.
    pub const MICRO: Scale = -6;
    /// Thousandths.
    pub const MILLI: Scale = -3;
    /// Thousands.
    pub const KILO: Scale = 3;
    /// Millions.
    pub const MEGA: Scale = 6;
    /// Billions.
    pub const GIGA: Scale = 9;
    /// The largest value whose [`Quantity::milli_value`] cannot overflow.
    pub const MAX_MILLI_VALUE: i64 = i64::MAX / 1000;

    /// `value` in the given format.
    #[must_use]
    pub const fn new(value: i64, format: Format) -> Self {
        Self {
            repr: Repr::Small {
                format,
                scale: 0,
                mantissa: value,
            },
        }
    }

    /// `value` thousandths in the given format.
    #[must_use]
    pub const fn new_milli(value: i64, format: Format) -> Self {
        Self {
            repr: Repr::Small {
                format,
                scale: Self::MILLI,
                mantissa: value,
            },
        }
    }

    /// `value × 10^scale` in decimal SI format.
    #[must_use]
    pub const fn new_scaled(value: i64, scale: Scale) -> Self {
        Self {
            repr: Repr::Small {
                format: Format::DecimalSI,
                scale,
                mantissa: value,
            },
        }
    }

    fn from_big(mantissa: BigInt, scale: Scale, format: Format) -> Self {
        let repr = match i64::try_from(&mantissa) {
            Ok(mantissa) => Repr::Small {
                format,
                scale,
                mantissa,
            },
            Err(_) => Repr::Large(Box::new(Large {
                format,
                scale,
                mantissa,
                text: None,
            })),
        };
        Self { repr }
    }

    fn with_text(mantissa: i64, scale: Scale, format: Format, text: &str) -> Self {
        let large = Large {
            format,
            scale,
            mantissa: mantissa.into(),
            text: Some(text.into()),
        };
        Self {
            repr: Repr::Large(Box::new(large)),
        }
    }

    /// The format it is written in.
    #[must_use]
    pub fn format(&self) -> Format {
        match &self.repr {
            Repr::Small { format, .. } => *format,
            Repr::Large(large) => large.format,
        }
    }

    /// The same value in another format.
    #[must_use]
    pub fn with_format(self, format: Format) -> Self {
        match self.repr {
            Repr::Small { scale, mantissa, .. } => Self {
                repr: Repr::Small {
                    format,
                    scale,
                    mantissa,
                },
            },
            Repr::Large(large) => Self::from_big(large.mantissa, large.scale, format),
        }
    }

    fn scale(&self) -> Scale {
        match &self.repr {
            Repr::Small { scale, .. } => *scale,
            Repr::Large(large) => large.scale,
        }
    }

    /// Mantissa and scale, if the mantissa fits.
    fn small(&self) -> Option<(i64, Scale)> {
        match &self.repr {
            Repr::Small { scale, mantissa, .. } => Some((*mantissa, *scale)),
            Repr::Large(large) => Some((i64::try_from(&large.mantissa).ok()?, large.scale)),
        }
    }

    fn mantissa(&self) -> BigInt {
        match &self.repr {
            Repr::Small { mantissa, .. } => (*mantissa).into(),
            Repr::Large(large) => large.mantissa.clone(),
        }
    }
}

impl Default for Quantity {
    fn default() -> Self {
        Self::new(0, Format::DecimalSI)
    }
}

impl From<i64> for Quantity {
    fn from(value: i64) -> Self {
        Self::new(value, Format::DecimalSI)
    }
}
