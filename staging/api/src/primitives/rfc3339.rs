//! RFC 3339 as Go's `time.Parse` reads it: one-digit hours, fractions of any length and a comma as
//! the decimal sign are accepted; errors say which part of the layout did not match.

use jiff::{Timestamp, civil, tz::Offset};

/// Why a text is not a time; worded as Go's `time.ParseError`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TimeError(String);

/// The layout of `metav1.Time`.
pub(super) const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
/// The layout of `metav1.MicroTime`.
pub(super) const MICROS: &str = "2006-01-02T15:04:05.000000Z07:00";

/// A failure within one element of the layout.
enum Fault {
    /// The text does not have the element's form.
    Mismatch,
    /// It has, but the number is impossible.
    Range(&'static str),
}

type Step<T> = Result<T, Fault>;

struct Parser<'a> {
    layout: &'static str,
    text: &'a str,
    rest: &'a str,
}

/// Seconds since 1970 and nanoseconds of the second.
pub(super) fn parse(text: &str, layout: &'static str) -> Result<(i64, i32), TimeError> {
    Parser {
        layout,
        text,
        rest: text,
    }
    .run()
}

impl<'a> Parser<'a> {
    fn run(mut self) -> Result<(i64, i32), TimeError> {
        let year = self.element("2006", Self::year)?;
        self.literal("-")?;
        let month = self.element("01", |p| p.ranged(2, 1..=12, "month"))?;
        self.literal("-")?;
        let day = self.element("02", |p| p.number(2, 2))?;
        self.literal("T")?;
        let hour = self.element("15", |p| p.ranged(1, 0..=23, "hour"))?;
        self.literal(":")?;
        let minute = self.element("04", |p| p.ranged(2, 0..=59, "minute"))?;
        self.literal(":")?;
        let second = self.element("05", |p| p.ranged(2, 0..=59, "second"))?;
        let nanosecond = if self.layout == MICROS {
            self.element(".000000", Self::six_digits)?
        } else {
            self.any_fraction()
        };
        let offset = self.element("Z07:00", Self::zone)?;
        if !self.rest.is_empty() {
            return Err(self.message(&format!(": extra text: {}", quote(self.rest))));
        }
        let small = |n: i32| i8::try_from(n).expect("a checked part of a date is below 100");
        let year = i16::try_from(year).expect("a year has four digits");
        let date = civil::Date::new(year, small(month), small(day)).map_err(|_| self.message(": day out of range"))?;
        let date_time = date.at(small(hour), small(minute), small(second), 0);
        let local = Offset::UTC
            .to_timestamp(date_time)
            .map_err(|_| self.message(": day out of range"))?;
        Ok((local.as_second() - i64::from(offset), nanosecond))
    }

    fn message(&self, detail: &str) -> TimeError {
        TimeError(format!("parsing time {}{detail}", quote(self.text)))
    }

    fn mismatch(&self, at: &str, element: &str) -> TimeError {
        self.message(&format!(
            " as {}: cannot parse {} as {}",
            quote(self.layout),
            quote(at),
            quote(element)
        ))
    }

    fn element<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Step<T>) -> Result<T, TimeError> {
        let start = self.rest;
        read(self).map_err(|fault| match fault {
            Fault::Mismatch => self.mismatch(start, name),
            Fault::Range(part) => self.message(&format!(": {part} out of range")),
        })
    }

    fn literal(&mut self, sign: &str) -> Result<(), TimeError> {
        self.rest = self
            .rest
            .strip_prefix(sign)
            .ok_or_else(|| self.mismatch(self.rest, sign))?;
        Ok(())
    }

    fn take(&mut self, count: usize) -> Step<&'a str> {
        let (head, tail) = self.rest.split_at_checked(count).ok_or(Fault::Mismatch)?;
        self.rest = tail;
        Ok(head)
    }

    fn year(&mut self) -> Step<i32> {
        let digits = self.take(4)?;
        if digits.bytes().all(|b| b.is_ascii_digit()) {
            digits.parse().map_err(|_| Fault::Mismatch)
        } else {
            Err(Fault::Mismatch)
        }
    }

    /// A number of two digits, or of `least` at least.
    fn number(&mut self, least: usize, most: usize) -> Step<i32> {
        let digits = self.rest.bytes().take(most).take_while(u8::is_ascii_digit).count();
        if digits < least {
            return Err(Fault::Mismatch);
        }
        self.take(digits)?.parse().map_err(|_| Fault::Mismatch)
    }

    fn ranged(&mut self, least: usize, range: std::ops::RangeInclusive<i32>, part: &'static str) -> Step<i32> {
        let number = self.number(least, 2)?;
        if range.contains(&number) {
            Ok(number)
        } else {
            Err(Fault::Range(part))
        }
    }

    /// A fraction that the layout does not ask for.
    fn any_fraction(&mut self) -> i32 {
        let Some(digits) = self.rest.strip_prefix(['.', ',']) else {
            return 0;
        };
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 {
            return 0;
        }
        let (fraction, rest) = digits.split_at(count);
        self.rest = rest;
        let nanos = fraction.bytes().chain(std::iter::repeat(b'0')).take(9);
        nanos.fold(0, |n, b| n * 10 + i32::from(b - b'0'))
    }

    fn six_digits(&mut self) -> Step<i32> {
        let text = self.take(7)?;
        let digits = text.strip_prefix(['.', ',']).ok_or(Fault::Mismatch)?;
        if !digits.bytes().all(|b| b.is_ascii_digit()) {
            return Err(Fault::Mismatch);
        }
        digits
            .parse::<i32>()
            .map(|micros| micros * 1000)
            .map_err(|_| Fault::Mismatch)
    }

    /// Seconds east of Greenwich.
    fn zone(&mut self) -> Step<i32> {
        if let Some(rest) = self.rest.strip_prefix('Z') {
            self.rest = rest;
            return Ok(0);
        }
        let text = self.take(6)?;
        let (sign, rest) = text.split_at_checked(1).ok_or(Fault::Mismatch)?;
        let (hours, minutes) = rest
            .split_once(':')
            .filter(|(h, _)| h.len() == 2)
            .ok_or(Fault::Mismatch)?;
        let two_digits = |text: &str| {
            if text.bytes().all(|b| b.is_ascii_digit()) {
                text.parse::<i32>().map_err(|_| Fault::Mismatch)
            } else {
                Err(Fault::Mismatch)
            }
        };
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        // One more than a clock shows, as Go allows.
        if hours > 24 {
            return Err(Fault::Range("time zone offset hour"));
        }
        if minutes > 60 {
            return Err(Fault::Range("time zone offset minute"));
        }
        let offset = (hours * 60 + minutes) * 60;
        match sign {
            "+" => Ok(offset),
            "-" => Ok(-offset),
            _ => Err(Fault::Mismatch),
        }
    }
}

/// Go's quoting of times: everything outside printable ASCII as bytes.
fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend(['\\', char::from(byte)]),
            b' '..=b'~' | 0x7f => out.push(char::from(byte)),
            _ => out.push_str(&format!("\\x{byte:02x}")),
        }
    }
    out.push('"');
    out
}

/// Calendar fields of a moment; years before 0 and after 9999 are shown by the nearest day there is.
pub(super) fn civil(seconds: i64) -> civil::DateTime {
    let timestamp =
        Timestamp::from_second(seconds).unwrap_or(if seconds < 0 { Timestamp::MIN } else { Timestamp::MAX });
    Offset::UTC.to_datetime(timestamp)
}
