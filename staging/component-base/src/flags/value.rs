//! [`FlagValue`]: how one field reads from and prints to a flag's text, and the plain types.

use std::net::IpAddr;

use crate::GoDuration;

/// A field that a flag can write.
///
/// `set` is told whether it is the flag's first use on this command line: lists and maps then drop their default.
pub trait FlagValue {
    /// Takes the text over.
    ///
    /// # Errors
    /// Why the text is no value of this type, in upstream's words.
    fn set(&mut self, text: &str, first: bool) -> Result<(), String>;

    /// The present value as the help shows it.
    fn to_text(&self) -> String;

    /// The type as the help names it.
    fn type_name(&self) -> &'static str;

    /// The value of a flag that stands alone, without `=value`; `None` when it must have one.
    fn implied(&self) -> Option<&'static str> {
        None
    }
}

/// Go's `strconv.ParseBool`.
///
/// # Errors
/// The text is none of the spellings of true and false.
pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Ok(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

/// Go's `strconv.ParseInt` with base 0: decimal, `0x`, `0o` or `0`, `0b`, underscores between digits.
///
/// # Errors
/// The text is no integer, or it lies outside `min..=max`.
pub fn parse_signed(text: &str, min: i64, max: i64) -> Result<i64, String> {
    let syntax = || format!("strconv.ParseInt: parsing {text:?}: invalid syntax");
    let range = || format!("strconv.ParseInt: parsing {text:?}: value out of range");
    let (negative, magnitude) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let magnitude = magnitude_of(magnitude).map_err(|bad| if bad == Bad::Syntax { syntax() } else { range() })?;
    let value = if negative {
        -i128::from(magnitude)
    } else {
        i128::from(magnitude)
    };
    match i64::try_from(value) {
        Ok(value) if (min..=max).contains(&value) => Ok(value),
        _ => Err(range()),
    }
}

/// Go's `strconv.ParseUint` with base 0.
///
/// # Errors
/// The text is no unsigned integer, or it is larger than `max`.
pub fn parse_unsigned(text: &str, max: u64) -> Result<u64, String> {
    match magnitude_of(text) {
        Ok(value) if value <= max => Ok(value),
        Err(Bad::Syntax) => Err(format!("strconv.ParseUint: parsing {text:?}: invalid syntax")),
        _ => Err(format!("strconv.ParseUint: parsing {text:?}: value out of range")),
    }
}

#[derive(PartialEq)]
enum Bad {
    Syntax,
    Range,
}

fn magnitude_of(text: &str) -> Result<u64, Bad> {
    let lower = text.to_ascii_lowercase();
    let (base, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let underscored = digits.contains('_');
    if underscored && (base == 10 || digits.ends_with('_') || digits.contains("__")) {
        return Err(Bad::Syntax);
    }
    let digits = if underscored {
        digits.replace('_', "")
    } else {
        digits.to_owned()
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(base)) {
        return Err(Bad::Syntax);
    }
    u64::from_str_radix(&digits, base).map_err(|_| Bad::Range)
}

impl FlagValue for bool {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = parse_bool(text)?;
        Ok(())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn type_name(&self) -> &'static str {
        "bool"
    }

    fn implied(&self) -> Option<&'static str> {
        Some("true")
    }
}

impl FlagValue for String {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        text.clone_into(self);
        Ok(())
    }

    fn to_text(&self) -> String {
        self.clone()
    }

    fn type_name(&self) -> &'static str {
        "string"
    }
}

/// A path is a string to the command line.
impl FlagValue for std::path::PathBuf {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = text.into();
        Ok(())
    }

    fn to_text(&self) -> String {
        self.display().to_string()
    }

    fn type_name(&self) -> &'static str {
        "string"
    }
}

macro_rules! integer {
    ($($type:ty, $name:literal, $parse:ident ( $($bound:expr),* );)*) => {$(
        impl FlagValue for $type {
            fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
                let value = $parse(text, $($bound),*)?;
                *self = <$type>::try_from(value).map_err(|error| error.to_string())?;
                Ok(())
            }

            fn to_text(&self) -> String {
                self.to_string()
            }

            fn type_name(&self) -> &'static str {
                $name
            }
        }
    )*};
}

integer! {
    i32, "int32", parse_signed(i64::from(i32::MIN), i64::from(i32::MAX));
    i64, "int", parse_signed(i64::MIN, i64::MAX);
    u16, "uint16", parse_unsigned(u64::from(u16::MAX));
    u32, "uint32", parse_unsigned(u64::from(u32::MAX));
    u64, "uint", parse_unsigned(u64::MAX);
}

macro_rules! float {
    ($($type:ty, $name:literal;)*) => {$(
        impl FlagValue for $type {
            fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
                *self = text
                    .parse()
                    .map_err(|_| format!("strconv.ParseFloat: parsing {text:?}: invalid syntax"))?;
                Ok(())
            }

            fn to_text(&self) -> String {
                self.to_string()
            }

            fn type_name(&self) -> &'static str {
                $name
            }
        }
    )*};
}

float! {
    f32, "float32";
    f64, "float";
}

impl FlagValue for GoDuration {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = text
            .parse()
            .map_err(|error: crate::duration::ParseDurationError| error.to_string())?;
        Ok(())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn type_name(&self) -> &'static str {
        "duration"
    }
}

impl FlagValue for IpAddr {
    fn set(&mut self, text: &str, _first: bool) -> Result<(), String> {
        *self = text
            .trim()
            .parse()
            .map_err(|_| format!("failed to parse IP: {text:?}"))?;
        Ok(())
    }

    fn to_text(&self) -> String {
        self.to_string()
    }

    fn type_name(&self) -> &'static str {
        "ip"
    }
}

/// A type that may stand in an `Option` field: absent until its flag is given.
pub trait OptionalFlag: FlagValue {
    /// What a first use starts from.
    fn blank() -> Self;
}

macro_rules! optional {
    ($($type:ty = $blank:expr;)*) => {$(
        impl OptionalFlag for $type {
            fn blank() -> Self {
                $blank
            }
        }
    )*};
}

optional! {
    bool = false;
    String = String::new();
    i32 = 0;
    i64 = 0;
    u16 = 0;
    u32 = 0;
    f32 = 0.0;
    f64 = 0.0;
    GoDuration = GoDuration::ZERO;
    IpAddr = IpAddr::from([0, 0, 0, 0]);
}

impl<T: OptionalFlag> FlagValue for Option<T> {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        let mut value = T::blank();
        value.set(text, first)?;
        *self = Some(value);
        Ok(())
    }

    fn to_text(&self) -> String {
        self.as_ref().map(T::to_text).unwrap_or_default()
    }

    fn type_name(&self) -> &'static str {
        T::blank().type_name()
    }

    fn implied(&self) -> Option<&'static str> {
        T::blank().implied()
    }
}
