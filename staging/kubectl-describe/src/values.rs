//! Reading objects: texts, numbers, lists at a JSON pointer, with the zero value where nothing is.

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
