//! The hash of data that generated names end with.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::{Map, Value, json};

use crate::yaml::go_json;

/// The hash of an object: of its data if it is a configuration map or a secret, else of all of it.
pub(crate) fn of(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let data = |member: &str| match &object[member] {
        Value::Null => Value::String(String::new()),
        other => other.clone(),
    };
    let hashed = match object["kind"].as_str() {
        Some(kind @ ("ConfigMap" | "Secret")) => {
            let mut members = Map::new();
            members.insert("kind".to_owned(), kind.into());
            // Upstream looks for the name where there is none.
            members.insert("name".to_owned(), "".into());
            members.insert("data".to_owned(), data("data"));
            let more = if kind == "Secret" { "stringData" } else { "binaryData" };
            if object[more].is_object() {
                members.insert(more.to_owned(), object[more].clone());
            }
            if kind == "Secret" {
                members.insert("type".to_owned(), text(&object["type"]).into());
            }
            Value::Object(members)
        }
        _ => json!(object),
    };
    encode(&hex::encode(digest(&SHA256, go_json(&hashed.to_string()).as_bytes())))
}

/// The first ten digits, without those that make words.
fn encode(hex: &str) -> String {
    hex.chars()
        .take(10)
        .map(|digit| match digit {
            '0' => 'g',
            '1' => 'h',
            '3' => 'k',
            'a' => 'm',
            'e' => 't',
            other => other,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_data_have_equal_hashes() {
        let map = |name: &str, data: Value| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data});
        let one = of(&map("a", json!({"x": "<1>"})));
        assert_eq!(one.len(), 10);
        assert_eq!(one, of(&map("b", json!({"x": "<1>"}))));
        assert_ne!(one, of(&map("a", json!({"x": "2"}))));
    }
}
