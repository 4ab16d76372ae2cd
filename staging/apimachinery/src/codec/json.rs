//! JSON as Go's encoder writes it, and the assembly of lists and watch events from encoded objects.
//!
//! Go escapes `<`, `>`, `&` and the line separators of JavaScript, prints floats its own way, ends
//! a compact document with a line break and an indented one without. Upstream:
//! `runtime/serializer/json`.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{CharEscape, CompactFormatter, Formatter, PrettyFormatter};

/// A formatter with Go's escapes and floats around one that does the layout.
struct Go<F>(F);

/// Escapes what Go escapes beyond JSON's own rules.
fn escape<W: ?Sized + Write>(writer: &mut W, fragment: &str) -> io::Result<()> {
    let bytes = fragment.as_bytes();
    let mut start = 0;
    let mut at = 0;
    while let Some(found) = next_special(&bytes[at..]) {
        at += found;
        let (escaped, length): (&[u8], usize) = match &bytes[at..] {
            [b'<', ..] => (b"\\u003c", 1),
            [b'>', ..] => (b"\\u003e", 1),
            [b'&', ..] => (b"\\u0026", 1),
            [0xe2, 0x80, 0xa8, ..] => (b"\\u2028", 3),
            [0xe2, 0x80, 0xa9, ..] => (b"\\u2029", 3),
            _ => {
                at += 1;
                continue;
            }
        };
        writer.write_all(&bytes[start..at])?;
        writer.write_all(escaped)?;
        at += length;
        start = at;
    }
    writer.write_all(&bytes[start..])
}

fn next_special(bytes: &[u8]) -> Option<usize> {
    let html = memchr::memchr3(b'<', b'>', b'&', bytes);
    let separator = memchr::memchr(0xe2, &bytes[..html.unwrap_or(bytes.len())]);
    separator.or(html)
}

/// A float as Go prints it in JSON.
pub(crate) fn float(n: f64) -> String {
    let magnitude = n.abs();
    if magnitude != 0.0 && !(1e-6..1e21).contains(&magnitude) {
        let text = format!("{n:e}");
        return match text.split_once('e') {
            Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
            _ => text,
        };
    }
    format!("{n}")
}

macro_rules! delegate {
    ($($name:ident($($arg:ident: $ty:ty),*);)*) => {
        $(fn $name<W: ?Sized + Write>(&mut self, writer: &mut W $(, $arg: $ty)*) -> io::Result<()> {
            self.0.$name(writer $(, $arg)*)
        })*
    };
}

impl<F: Formatter> Formatter for Go<F> {
    delegate! {
        begin_array();
        end_array();
        begin_array_value(first: bool);
        end_array_value();
        begin_object();
        end_object();
        begin_object_key(first: bool);
        end_object_key();
        begin_object_value();
        end_object_value();
        write_char_escape(char_escape: CharEscape);
    }

    fn write_string_fragment<W: ?Sized + Write>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        escape(writer, fragment)
    }

    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        writer.write_all(float(value).as_bytes())
    }
}

/// Appends `value` to `out`, compact and without a line break: the form in which objects are kept,
/// listed and watched.
///
/// # Errors
/// When a map has keys that are no strings.
pub fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> serde_json::Result<()> {
    value.serialize(&mut serde_json::Serializer::with_formatter(out, Go(CompactFormatter)))
}

/// `value`, compact, with the line break that ends an answer.
///
/// # Errors
/// As [`append`].
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(1024);
    append(&mut out, value)?;
    out.push(b'\n');
    Ok(out)
}

/// `value` indented by two spaces.
///
/// # Errors
/// As [`append`].
pub fn to_vec_pretty<T: Serialize + ?Sized>(value: &T) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(2048);
    value.serialize(&mut serde_json::Serializer::with_formatter(
        &mut out,
        Go(PrettyFormatter::with_indent(b"  ")),
    ))?;
    Ok(out)
}

/// Everything of a list before its items, from the encoded `ListMeta`.
///
/// # Errors
/// As [`append`].
pub fn list_head(api_version: &str, kind: &str, list_meta: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(64 + list_meta.len());
    out.extend_from_slice(b"{\"kind\":");
    append(&mut out, kind)?;
    out.extend_from_slice(b",\"apiVersion\":");
    append(&mut out, api_version)?;
    out.extend_from_slice(b",\"metadata\":");
    out.extend_from_slice(list_meta);
    out.extend_from_slice(b",\"items\":[");
    Ok(out)
}

/// Everything of a list behind its items.
pub const LIST_TAIL: &[u8] = b"]}\n";

/// What separates the items of a list.
pub const ITEM_SEPARATOR: &[u8] = b",";

/// How many bytes behind the opening brace of an encoded object its leading `kind` and
/// `apiVersion` take, comma included. Items of built-in lists go without them: such an item is a
/// brace and the rest of the object. Zero where the object does not begin with them.
#[must_use]
pub fn leading_type_meta(object: &[u8]) -> usize {
    let Some(mut rest) = object.strip_prefix(b"{") else {
        return 0;
    };
    let whole = rest.len();
    while let Some(value) = rest
        .strip_prefix(b"\"kind\":\"")
        .or_else(|| rest.strip_prefix(b"\"apiVersion\":\""))
    {
        let Some(end) = memchr::memchr2(b'"', b'\\', value) else {
            break;
        };
        match &value[end..] {
            [b'"', b',', after @ ..] => rest = after,
            // The object ends here: the brace stays.
            [b'"', after @ ..] if after.starts_with(b"}") => {
                rest = after;
                break;
            }
            _ => break,
        }
    }
    whole - rest.len()
}

/// One event of a JSON watch around an encoded object (without a line break at its end).
#[must_use]
pub fn watch_event(event: &str, object: &[u8]) -> Vec<u8> {
    debug_assert!(
        event.bytes().all(|b| b.is_ascii_uppercase()),
        "event types need no escapes"
    );
    let mut out = Vec::with_capacity(event.len() + object.len() + 32);
    out.extend_from_slice(b"{\"type\":\"");
    out.extend_from_slice(event.as_bytes());
    out.extend_from_slice(b"\",\"object\":");
    out.extend_from_slice(object);
    out.extend_from_slice(b"}\n");
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn text(value: &Value) -> String {
        String::from_utf8(to_vec(value).expect("serialises")).expect("UTF-8")
    }

    #[test]
    fn escapes_as_go_does() {
        assert_eq!(
            text(&json!({"a": "<a href='x'>&</a>", "b": "\u{2028}â\u{2029}é", "c": "a\u{1}\t\u{8}\"\\"})),
            "{\"a\":\"\\u003ca href='x'\\u003e\\u0026\\u003c/a\\u003e\",\"b\":\"\\u2028â\\u2029é\",\"c\":\"a\\u0001\\t\\b\\\"\\\\\"}\n"
        );
        assert_eq!(text(&json!({"<": 1})), "{\"\\u003c\":1}\n");
    }

    #[test]
    fn floats_are_those_of_go() {
        for (n, shown) in [
            (0.5, "0.5"),
            (1e21, "1e+21"),
            (1e-7, "1e-7"),
            (1.5e300, "1.5e+300"),
            (100.0, "100"),
            (0.000_001, "0.000001"),
            (-2.5, "-2.5"),
        ] {
            assert_eq!(float(n), shown);
        }
    }

    #[test]
    fn indents_without_a_final_break() {
        let pretty = to_vec_pretty(&json!({"a": [1], "b": {}, "c": []})).expect("serialises");
        assert_eq!(
            String::from_utf8_lossy(&pretty),
            "{\n  \"a\": [\n    1\n  ],\n  \"b\": {},\n  \"c\": []\n}"
        );
    }

    #[test]
    fn lists_are_strung_together() {
        let objects: [&[u8]; 2] = [
            br#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"a"}}"#,
            br#"{"apiVersion":"v1","kind":"Pod"}"#,
        ];
        let mut list = list_head("v1", "PodList", br#"{"resourceVersion":"7"}"#).expect("strings serialise");
        for (index, object) in objects.iter().enumerate() {
            if index > 0 {
                list.extend_from_slice(ITEM_SEPARATOR);
            }
            list.push(b'{');
            list.extend_from_slice(&object[1 + leading_type_meta(object)..]);
        }
        list.extend_from_slice(LIST_TAIL);
        assert_eq!(
            String::from_utf8_lossy(&list),
            "{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[{\"metadata\":{\"name\":\"a\"}},{}]}\n"
        );
        assert_eq!(leading_type_meta(br#"{"metadata":{},"kind":"Pod"}"#), 0);
    }

    #[test]
    fn events_wrap_encoded_objects() {
        assert_eq!(
            watch_event("ADDED", b"{\"a\":1}"),
            b"{\"type\":\"ADDED\",\"object\":{\"a\":1}}\n"
        );
    }

    #[test]
    fn what_is_written_of_mutated_documents_reads_back() {
        let seed = r#"{"a":["<\u2028&>",1.5e300,-0.001,{"b":null}],"multi":"x\n  y\n","k":{"10":"yes","9":": "}}"#;
        let mut written = 0;
        for round in 0..8000 {
            let text = crate::codec::testing::Random::new(round).mutate(seed.as_bytes());
            let Ok(value) = crate::json::parse(&text) else { continue };
            let json = to_vec(&value).expect("serialises");
            // Whole floats are written as integers (and -0.0 is read back as 0): from then on nothing changes.
            let read = crate::json::parse(&json).unwrap_or_else(|error| panic!("{error}: {text:?}"));
            let again = to_vec(&read).expect("serialises");
            assert_eq!(crate::json::parse(&again), Ok(read));
            let yaml = crate::codec::yaml::to_string(&value);
            assert!(yaml.ends_with('\n'), "{yaml:?}");
            written += 1;
        }
        assert!(written > 400, "only {written}");
    }
}
