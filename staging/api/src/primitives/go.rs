//! Pieces of Go's text formats that error messages of the API are made of.

use std::fmt::{self, Write as _};

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// `text` in double quotes as Go's `%q` prints it: `\n`-style escapes, `\x07` for other control
/// characters, `\u00a0` for what is not printable, everything else as it is.
#[must_use]
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\x0c' => out.push_str("\\f"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\x0b' => out.push_str("\\v"),
            c if is_printable(c) => out.push(c),
            c => escape(&mut out, c as u32),
        }
    }
    out.push('"');
    out
}

fn escape(out: &mut String, code: u32) {
    let written = match code {
        0..0x20 | 0x7f => write!(out, "\\x{code:02x}"),
        0x20..0x1_0000 => write!(out, "\\u{code:04x}"),
        _ => write!(out, "\\U{code:08x}"),
    };
    written.expect("writing to a string does not fail");
}

/// Go's `unicode.IsPrint`, as far as the standard library's tables tell: letters, marks, numbers,
/// punctuation, symbols and the ASCII space.
fn is_printable(c: char) -> bool {
    // `char::escape_debug` leaves exactly the printable characters alone, but for combining marks
    // and quotes, which it escapes though they print.
    c == ' ' || c == '\'' || (!c.is_control() && !c.is_whitespace() && is_assigned(c))
}

fn is_assigned(c: char) -> bool {
    let escaped = c.escape_debug();
    escaped.len() == 1 || (c > '\u{300}' && is_combining(c))
}

fn is_combining(c: char) -> bool {
    // Grapheme extenders are escaped only at the start of a string.
    let mut text = String::with_capacity(8);
    text.push('a');
    text.push(c);
    text.escape_debug().nth(1) == Some(c)
}

/// What Go's decoder calls a JSON value of the wrong type.
pub(crate) fn type_error(found: &str, expected: &str) -> String {
    format!("json: cannot unmarshal {found} into Go value of type {expected}")
}

/// A float as Go's JSON encoder prints it: shortest digits, exponent form below 1e-6 and from 1e21.
pub(crate) fn float_text(value: f64) -> String {
    let magnitude = value.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        format!("{value:e}")
    } else {
        format!("{value}")
    }
}

/// Reads a value that JSON shows as a string, and names in Go's words what else it meets.
pub(crate) struct TextVisitor<T, E> {
    /// What `null` stands for.
    pub(crate) null: fn() -> Result<T, E>,
    /// Reads the string.
    pub(crate) parse: fn(&str) -> Result<T, E>,
    /// The Go type that the decoder names in its error.
    pub(crate) go_type: &'static str,
}

impl<'de, T, P: fmt::Display> Visitor<'de> for TextVisitor<T, P> {
    type Value = T;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a string")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        (self.parse)(text).map_err(E::custom)
    }

    fn visit_unit<E: Error>(self) -> Result<T, E> {
        (self.null)().map_err(E::custom)
    }

    fn visit_none<E: Error>(self) -> Result<T, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<T, E> {
        Err(E::custom(type_error("bool", self.go_type)))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<T, E> {
        Err(E::custom(type_error("number", self.go_type)))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<T, E> {
        Err(E::custom(type_error("number", self.go_type)))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<T, E> {
        Err(E::custom(type_error("number", self.go_type)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<T, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Err(A::Error::custom(type_error("array", self.go_type)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<T, A::Error> {
        while members.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(A::Error::custom(type_error("object", self.go_type)))
    }
}
