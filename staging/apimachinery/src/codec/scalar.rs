//! Scalars whose JSON text has a grammar of its own: quick checks whether a text already is what
//! Go would print, in front of the exact rules of [`k8s_api::primitives`].
//!
//! **Invariant:** a check may miss a canonical text, and never takes another for one.

use std::fmt::{self, Display};

use k8s_api::{
    primitives::{ByteString, Duration, MicroTime, Quantity, Time},
    reflect::Scalar,
};

/// Marks a byte that is no base64 digit.
const INVALID: u8 = 0xff;
static DIGITS: [u8; 256] = base64_digits();

const fn base64_digits() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [INVALID; 256];
    let mut i = 0;
    while i < 64 {
        table[alphabet[i] as usize] = i as u8;
        i += 1;
    }
    table
}

/// Whether `text` is base64 with padding, without line breaks and without stray bits.
#[must_use]
pub fn is_canonical_base64(text: &str) -> bool {
    let bytes = text.as_bytes();
    if !bytes.len().is_multiple_of(4) {
        return false;
    }
    let padding = bytes.iter().rev().take(2).take_while(|b| **b == b'=').count();
    let digits = &bytes[..bytes.len() - padding];
    // Digits are below 64. A fold without an early exit; broken input is rare.
    if digits.iter().fold(0, |seen, b| seen | DIGITS[usize::from(*b)]) & 0xc0 != 0 {
        return false;
    }
    let last = digits.last().map_or(0, |b| DIGITS[usize::from(*b)]);
    match padding {
        0 => true,
        1 => last & 0x03 == 0,
        _ => last & 0x0f == 0,
    }
}

/// Whether `text` is a quantity of the everyday kind in its canonical form.
#[must_use]
pub fn is_canonical_quantity(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || digits > 15 {
        return false;
    }
    let (number, suffix) = text.split_at(digits);
    if number.starts_with('0') {
        return text == "0";
    }
    match suffix {
        "" | "n" | "u" | "m" | "k" | "M" | "G" | "T" | "P" | "E" => !number.ends_with("000"),
        "Ki" | "Mi" | "Gi" => number.len() <= 5 && number.parse::<u32>().is_ok_and(|n| n % 1024 != 0),
        _ => false,
    }
}

/// Whether `text` is a time in UTC as `scalar` prints it, on a day that exists in every month.
#[must_use]
pub fn is_canonical_time(scalar: Scalar, text: &str) -> bool {
    let shape: &[u8] = match scalar {
        Scalar::MicroTime => b"dddd-dd-ddTdd:dd:dd.ddddddZ",
        _ => b"dddd-dd-ddTdd:dd:ddZ",
    };
    let bytes = text.as_bytes();
    if bytes.len() != shape.len()
        || !bytes
            .iter()
            .zip(shape)
            .all(|(b, s)| if *s == b'd' { b.is_ascii_digit() } else { b == s })
    {
        return false;
    }
    let number = |at: usize| u32::from(bytes[at] - b'0') * 10 + u32::from(bytes[at + 1] - b'0');
    (1..=12).contains(&number(5))
        && (1..=28).contains(&number(8))
        && number(11) <= 23
        && number(14) <= 59
        && number(17) <= 59
        // The first second of year 1 stands for no time at all.
        && (number(0) > 0 || number(2) > 1)
}

/// What a scalar's text is in its canonical form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canonical {
    /// The text itself.
    Same,
    /// Another text.
    Text(String),
    /// Go's zero time, which prints as `null`.
    Null,
}

/// The canonical form of the text of a byte string, quantity, time or duration; every text is
/// canonical for the other scalars.
///
/// # Errors
/// In Go's words.
pub fn canonical(scalar: Scalar, text: &str) -> Result<Canonical, String> {
    let year_is_printable = |seconds: i64| (-62_167_219_200..253_402_300_800).contains(&seconds);
    match scalar {
        Scalar::Bytes if is_canonical_base64(text) => Ok(Canonical::Same),
        Scalar::Quantity if is_canonical_quantity(text) => Ok(Canonical::Same),
        Scalar::Time | Scalar::MicroTime if is_canonical_time(scalar, text) => Ok(Canonical::Same),
        Scalar::Bytes => ByteString::from_base64(text)
            .map(|b| changed(text, &b.to_base64()))
            .map_err(in_words),
        Scalar::Quantity => {
            // Go trims what surrounds the number, inside the quotes too.
            let quantity: Quantity = text.trim().parse().map_err(in_words)?;
            Ok(changed(text, &quantity))
        }
        Scalar::Time => {
            let time: Time = text.parse().map_err(in_words)?;
            if time.is_zero() {
                return Ok(Canonical::Null);
            }
            year_is_printable(time.unix_seconds())
                .then(|| changed(text, &time))
                .ok_or_else(|| out_of_range(text))
        }
        Scalar::MicroTime => {
            let time: MicroTime = text.parse().map_err(in_words)?;
            if time.is_zero() {
                return Ok(Canonical::Null);
            }
            year_is_printable(time.unix_seconds())
                .then(|| changed(text, &time))
                .ok_or_else(|| out_of_range(text))
        }
        Scalar::Duration => {
            let duration: Duration = text.parse().map_err(in_words)?;
            Ok(changed(text, &duration))
        }
        _ => Ok(Canonical::Same),
    }
}

fn in_words(error: impl Display) -> String {
    error.to_string()
}

fn out_of_range(text: &str) -> String {
    format!("parsing time {}: year out of range", k8s_api::primitives::quote(text))
}

fn changed(text: &str, canonical: &dyn Display) -> Canonical {
    let canonical = canonical.to_string();
    if canonical == text {
        Canonical::Same
    } else {
        Canonical::Text(canonical)
    }
}

/// The text of a moment on the wire; `None` for years that have no four digits.
pub(crate) fn time_text(scalar: Scalar, seconds: i64, nanos: i32) -> Option<String> {
    if !(-62_167_219_200..253_402_300_800).contains(&seconds) {
        return None;
    }
    Some(match scalar {
        Scalar::MicroTime => MicroTime::from_unix(seconds, nanos).to_string(),
        _ => Time::from_unix(seconds, 0).to_string(),
    })
}

/// Seconds and nanoseconds of a normalised time text.
///
/// # Errors
/// In Go's words.
pub(crate) fn time_parts(scalar: Scalar, text: &str) -> Result<(i64, i32), impl fmt::Display + use<>> {
    match scalar {
        Scalar::MicroTime => text.parse().map(|t: MicroTime| (t.unix_seconds(), t.subsec_nanos())),
        _ => text.parse().map(|t: Time| (t.unix_seconds(), 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_checks_are_sound() {
        let cases: &[(Scalar, &[&str])] = &[
            (
                Scalar::Quantity,
                &[
                    "0", "1", "100m", "1500m", "1Gi", "8Gi", "512Mi", "1536Mi", "999", "100k", "1000Ki",
                ],
            ),
            (Scalar::Bytes, &["", "aGk=", "aGVs", "aA=="]),
            (
                Scalar::Time,
                &["2024-02-28T12:34:56Z", "0002-01-01T00:00:00Z", "9999-12-28T23:59:59Z"],
            ),
            (Scalar::MicroTime, &["2024-02-28T12:34:56.000001Z"]),
        ];
        for (scalar, texts) in cases {
            for text in *texts {
                let quick = match scalar {
                    Scalar::Quantity => is_canonical_quantity(text),
                    Scalar::Bytes => is_canonical_base64(text),
                    _ => is_canonical_time(*scalar, text),
                };
                assert!(quick, "{text} should pass the quick check");
                let printed = match scalar {
                    Scalar::Quantity => text.parse::<Quantity>().expect("a quantity").to_string(),
                    Scalar::Bytes => ByteString::from_base64(text).expect("base64").to_base64(),
                    Scalar::Time => text.parse::<Time>().expect("a time").to_string(),
                    _ => text.parse::<MicroTime>().expect("a time").to_string(),
                };
                assert_eq!(printed, *text);
            }
        }
    }

    #[test]
    fn other_texts_go_the_exact_way() {
        let text = |t: &str| Ok(Canonical::Text(t.to_owned()));
        for (scalar, given, expected) in [
            (Scalar::Quantity, "1.5Gi", text("1536Mi")),
            (Scalar::Quantity, "1000m", text("1")),
            (Scalar::Quantity, " 1024Mi ", text("1Gi")),
            (Scalar::Quantity, "1e3", Ok(Canonical::Same)),
            (Scalar::Quantity, "0.5", text("500m")),
            (Scalar::Bytes, "aGl=", text("aGk=")),
            (Scalar::Bytes, "aG\nk=", text("aGk=")),
            (
                Scalar::Bytes,
                "not base64",
                Err("illegal base64 data at input byte 3".to_owned()),
            ),
            (
                Scalar::Time,
                "2024-02-29T12:34:56.9+02:00",
                text("2024-02-29T10:34:56Z"),
            ),
            (Scalar::Time, "0001-01-01T00:00:00Z", Ok(Canonical::Null)),
            (
                Scalar::Time,
                "x",
                Err("parsing time \"x\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x\" as \"2006\"".to_owned()),
            ),
            (Scalar::Duration, "90s", text("1m30s")),
            (
                Scalar::Duration,
                "5",
                Err("time: missing unit in duration \"5\"".to_owned()),
            ),
        ] {
            assert_eq!(canonical(scalar, given), expected, "{given}");
        }
    }
}
