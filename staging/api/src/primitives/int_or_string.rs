//! A number or a string, which is mostly a percentage or a port name (upstream: `intstr.IntOrString`).

use std::{fmt, str::FromStr};

use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor},
};

use super::go;

/// A 32-bit number or a string.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum IntOrString {
    /// The number.
    Int(i32),
    /// The string.
    String(Box<str>),
}

/// Why a value is neither a number nor a percentage.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IntOrStringError {
    /// A string without `%` behind it.
    #[error("invalid value for IntOrString: invalid type: string is not a percentage")]
    NotPercentage,
    /// A string whose part before `%` is no number.
    #[error(
        "invalid value for IntOrString: invalid value {}: strconv.Atoi: parsing {}: {reason}",
        go::quote(text),
        go::quote(number)
    )]
    NotNumber {
        /// The whole string.
        text: String,
        /// The part before `%`.
        number: String,
        /// `invalid syntax` or `value out of range`.
        reason: &'static str,
    },
}

/// Go's `strconv.Atoi`.
fn atoi(text: &str) -> Result<i64, &'static str> {
    text.parse()
        .map_err(|error: std::num::ParseIntError| match error.kind() {
            std::num::IntErrorKind::PosOverflow | std::num::IntErrorKind::NegOverflow => "value out of range",
            _ => "invalid syntax",
        })
}

impl IntOrString {
    /// The number; of a string what it says in decimal digits, else 0.
    #[must_use]
    pub fn int_value(&self) -> i64 {
        match self {
            Self::Int(value) => i64::from(*value),
            Self::String(text) => atoi(text).unwrap_or(0),
        }
    }

    /// The string, if it is one.
    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::Int(_) => None,
            Self::String(text) => Some(text),
        }
    }

    /// The number, or the part before `%` and that it was a percentage.
    ///
    /// # Errors
    /// If the string is not a number followed by `%`.
    pub fn int_or_percent(&self) -> Result<(i64, bool), IntOrStringError> {
        match self {
            Self::Int(value) => Ok((i64::from(*value), false)),
            Self::String(text) => {
                let number = text.strip_suffix('%').ok_or(IntOrStringError::NotPercentage)?;
                let value = atoi(number).map_err(|reason| IntOrStringError::NotNumber {
                    text: text.to_string(),
                    number: number.to_string(),
                    reason,
                })?;
                Ok((value, true))
            }
        }
    }

    /// The number, or that percentage of `total`, rounded up or down.
    ///
    /// # Errors
    /// Like [`IntOrString::int_or_percent`].
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "as upstream, which rounds in floating point"
    )]
    pub fn scaled(&self, total: i64, round_up: bool) -> Result<i64, IntOrStringError> {
        let (value, percent) = self.int_or_percent()?;
        if !percent {
            return Ok(value);
        }
        let share = value as f64 * total as f64 / 100.0;
        Ok((if round_up { share.ceil() } else { share.floor() }) as i64)
    }
}

impl Default for IntOrString {
    fn default() -> Self {
        Self::Int(0)
    }
}

impl From<i32> for IntOrString {
    fn from(value: i32) -> Self {
        Self::Int(value)
    }
}

impl From<&str> for IntOrString {
    fn from(text: &str) -> Self {
        Self::String(text.into())
    }
}

impl From<String> for IntOrString {
    fn from(text: String) -> Self {
        Self::String(text.into())
    }
}

impl FromStr for IntOrString {
    type Err = std::convert::Infallible;

    /// A number if the text is one that fits, else the text (upstream's `intstr.Parse`).
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(text.parse().map_or_else(|_| text.into(), Self::Int))
    }
}

impl fmt::Display for IntOrString {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => value.fmt(formatter),
            Self::String(text) => text.fmt(formatter),
        }
    }
}

impl Serialize for IntOrString {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Int(value) => serializer.serialize_i32(*value),
            Self::String(text) => serializer.serialize_str(text),
        }
    }
}

struct IntOrStringVisitor;

fn wrong<T, E: Error>(found: &str) -> Result<T, E> {
    Err(E::custom(go::type_error(found, "int32")))
}

impl<'de> Visitor<'de> for IntOrStringVisitor {
    type Value = IntOrString;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a number or a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<IntOrString, E> {
        Ok(text.into())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<IntOrString, E> {
        i32::try_from(value)
            .map(IntOrString::Int)
            .or_else(|_| wrong(&format!("number {value}")))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<IntOrString, E> {
        i32::try_from(value)
            .map(IntOrString::Int)
            .or_else(|_| wrong(&format!("number {value}")))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<IntOrString, E> {
        wrong(&format!("number {}", go::float_text(value)))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<IntOrString, E> {
        wrong("bool")
    }

    fn visit_unit<E: Error>(self) -> Result<IntOrString, E> {
        Ok(IntOrString::default())
    }

    fn visit_none<E: Error>(self) -> Result<IntOrString, E> {
        Ok(IntOrString::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<IntOrString, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        wrong("array")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<IntOrString, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        wrong("object")
    }
}

impl<'de> Deserialize<'de> for IntOrString {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IntOrStringVisitor)
    }
}
