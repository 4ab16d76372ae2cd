//! Small steps on JSON objects.

use serde_json::{Map, Value};

/// A JSON object.
pub type Object = Map<String, Value>;

/// JSON as Go's encoder writes it: members in order, `<`, `>` and `&` escaped.
#[must_use]
pub fn go_json(value: &Value) -> String {
    go_escape(&value.to_string())
}

/// A JSON text with `<`, `>` and `&` escaped.
#[must_use]
pub fn go_escape(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        // Outside of strings none of these can stand.
        match letter {
            '<' => text.push_str("\\u003c"),
            '>' => text.push_str("\\u003e"),
            '&' => text.push_str("\\u0026"),
            '\u{2028}' => text.push_str("\\u2028"),
            '\u{2029}' => text.push_str("\\u2029"),
            other => text.push(other),
        }
    }
    text
}

/// The object at a path, made where it is missing.
///
/// What stands in the way and is no object is replaced.
pub fn object_at<'v>(value: &'v mut Value, path: &[&str]) -> &'v mut Object {
    let mut value = value;
    for member in path {
        value = as_object(value)
            .entry(*member)
            .or_insert_with(|| Value::Object(Object::new()));
    }
    as_object(value)
}

/// The value as an object, made one if it is none.
pub fn as_object(value: &mut Value) -> &mut Object {
    if !value.is_object() {
        *value = Value::Object(Object::new());
    }
    value.as_object_mut().expect("it was made an object")
}

/// The text at a path; empty where there is none.
#[must_use]
pub fn text_at<'v>(value: &'v Value, path: &[&str]) -> &'v str {
    path.iter()
        .try_fold(value, |value, member| value.get(member))
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The whole number at a path; 0 where there is none.
#[must_use]
pub fn number_at(value: &Value, path: &[&str]) -> i64 {
    path.iter()
        .try_fold(value, |value, member| value.get(member))
        .and_then(Value::as_i64)
        .unwrap_or_default()
}

/// The elements of the list at a path; none where there is no list.
#[must_use]
pub fn list_at<'v>(value: &'v Value, path: &[&str]) -> &'v [Value] {
    path.iter()
        .try_fold(value, |value, member| value.get(member))
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// Takes out members that are `null`, at every depth.
pub fn drop_nulls(value: &mut Value) {
    match value {
        Value::Object(members) => {
            members.retain(|_, member| !member.is_null());
            members.values_mut().for_each(drop_nulls);
        }
        Value::Array(elements) => elements.iter_mut().for_each(drop_nulls),
        _ => {}
    }
}

/// Group and version of an object.
#[must_use]
pub fn group_version(object: &Value) -> (&str, &str) {
    k8s_api::scheme::split_api_version(text_at(object, &["apiVersion"]))
}
