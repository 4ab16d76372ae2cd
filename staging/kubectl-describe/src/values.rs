//! Reading objects: texts, numbers, lists and times at a JSON pointer, with the zero value where nothing is.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

/// The text there, or the empty one.
pub(crate) fn text<'v>(value: &'v Value, pointer: &str) -> &'v str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The list there, or the empty one.
pub(crate) fn items<'v>(value: &'v Value, pointer: &str) -> &'v [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// The number there, or 0.
pub(crate) fn number(value: &Value, pointer: &str) -> i64 {
    value.pointer(pointer).and_then(Value::as_i64).unwrap_or_default()
}

/// The entries of a map in the order of their keys.
pub(crate) fn sorted(map: Option<&Value>) -> Vec<(&String, &Value)> {
    let mut entries: Vec<_> = map.and_then(Value::as_object).into_iter().flat_map(Map::iter).collect();
    entries.sort_by_key(|(key, _)| *key);
    entries
}

/// Whether a flag is set there.
pub(crate) fn flag(value: &Value, pointer: &str) -> bool {
    value.pointer(pointer) == Some(&Value::Bool(true))
}

/// What is there, unless it is null.
pub(crate) fn some<'v>(value: &'v Value, pointer: &str) -> Option<&'v Value> {
    value.pointer(pointer).filter(|found| !found.is_null())
}

/// The text, or `<none>` for the empty one.
pub(crate) fn or_none(text: &str) -> &str {
    if text.is_empty() { "<none>" } else { text }
}

/// `True` or `False`.
pub(crate) fn truth(flag: bool) -> &'static str {
    if flag { "True" } else { "False" }
}

/// The texts there, joined.
pub(crate) fn joined(value: &Value, pointer: &str, separator: &str) -> String {
    let texts: Vec<_> = items(value, pointer).iter().filter_map(Value::as_str).collect();
    texts.join(separator)
}

/// A timestamp of the API in the local time zone, as RFC 1123 with a numeric zone.
pub(crate) fn time(timestamp: &str) -> String {
    match timestamp.parse::<Timestamp>() {
        Ok(time) => time
            .to_zoned(TimeZone::system())
            .strftime("%a, %d %b %Y %H:%M:%S %z")
            .to_string(),
        Err(_) => "Mon, 01 Jan 0001 00:00:00 +0000".to_owned(),
    }
}
