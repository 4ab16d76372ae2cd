//! Numbers of the command line, read and refused as Go's `strconv` does.

use k8s_api::primitives::quote;
use serde_json::Value;

use crate::{Result, refuse};

/// `strconv.Atoi`.
///
/// # Errors
/// It is no number, or one that does not fit.
pub fn atoi(text: &str) -> Result<i64> {
    parse("Atoi", text, text.strip_prefix(['+', '-']).unwrap_or(text), str::parse)
}

/// `utilsnet.ParsePort`, with zero for a port.
///
/// # Errors
/// It is no number of 16 bits.
pub fn port(text: &str) -> Result<u16> {
    parse("ParseUint", text, text, str::parse)
}

fn parse<N>(
    function: &str,
    text: &str,
    digits: &str,
    read: impl Fn(&str) -> std::result::Result<N, std::num::ParseIntError>,
) -> Result<N> {
    let fault = if digits.is_empty() || !digits.bytes().all(|letter| letter.is_ascii_digit()) {
        "invalid syntax"
    } else {
        match read(text) {
            Ok(number) => return Ok(number),
            Err(_) => "value out of range",
        }
    };
    Err(refuse!("strconv.{function}: parsing {}: {fault}", quote(text)))
}

/// The lower 32 bits, as Go converts.
#[must_use]
pub fn wrapped(number: i64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "that is what Go does")]
    let wrapped = number as i32;
    wrapped
}

/// `intstr.Parse`: a number of 32 bits, or else a text.
#[must_use]
pub fn int_or_string(text: &str) -> Value {
    let number = atoi(text).ok().and_then(|number| i32::try_from(number).ok());
    number.map_or_else(|| text.into(), Value::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_refused_in_the_words_of_go() {
        for (text, expected) in [
            ("80", Ok(80)),
            ("-1", Ok(-1)),
            ("+7", Ok(7)),
            ("", Err("strconv.Atoi: parsing \"\": invalid syntax")),
            ("8 0", Err("strconv.Atoi: parsing \"8 0\": invalid syntax")),
            (
                "99999999999999999999",
                Err("strconv.Atoi: parsing \"99999999999999999999\": value out of range"),
            ),
        ] {
            assert_eq!(atoi(text).map_err(|error| error.0), expected.map_err(str::to_owned));
        }
        for (text, expected) in [
            ("0", Ok(0)),
            ("+1", Err("strconv.ParseUint: parsing \"+1\": invalid syntax")),
            ("65536", Err("strconv.ParseUint: parsing \"65536\": value out of range")),
        ] {
            assert_eq!(port(text).map_err(|error| error.0), expected.map_err(str::to_owned));
        }
        assert_eq!(int_or_string("http"), "http");
        assert_eq!(int_or_string("80"), 80);
        assert_eq!(int_or_string("4294967376"), "4294967376");
    }
}
