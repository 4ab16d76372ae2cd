//! YAML as upstream reads it: turned into JSON first (`sigs.k8s.io/yaml`).
//!
//! Numbers with a leading zero are octal, `yes` and `on` are true, keys become strings. Anchors are
//! allowed as far as they do not blow up the document.

use serde_json::Value;
use serde_saphyr::{Error, Options};

use super::parse::{MAX_DEPTH, number_from_f64, parse_strict};

/// Why a text is not YAML; worded like upstream's, though the part behind the line is the parser's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text is not YAML, or has no counterpart in JSON.
    #[error("error converting YAML to JSON: yaml: line {line}: {message}")]
    Syntax {
        /// The line, from 1.
        line: u64,
        /// What is wrong there.
        message: String,
    },
    /// A key that stands twice in a map, for strict decoding.
    #[error(
        "error converting YAML to JSON: yaml: unmarshal errors:\n  line {line}: key {} already set in map",
        k8s_api::primitives::quote(key)
    )]
    DuplicateKey {
        /// The line of the second one, from 1.
        line: u64,
        /// The key.
        key: String,
    },
}

fn options(duplicate_keys: serde_saphyr::DuplicateKeyPolicy) -> Options {
    let budget = serde_saphyr::budget! { max_depth: MAX_DEPTH, max_events: 10_000_000, max_nodes: 10_000_000 };
    serde_saphyr::options! {
        duplicate_keys: duplicate_keys,
        legacy_octal_numbers: true,
        with_snippet: false,
        budget: budget,
    }
}

/// The value of YAML that is JSON with one meaning in both, which takes the JSON parser a tenth of the time. Anything
/// that is not surely the same to a YAML parser is left to it: characters outside ASCII and the escapes for them, tabs,
/// keys that are long, merge or stand apart from their colon, numbers that are not short and whole. So are duplicate
/// keys and whatever is wrong, for which the YAML parser has the words.
fn read_json(text: &str) -> Option<Value> {
    /// As many characters a YAML key may have at most is 1024.
    const LONGEST_KEY: usize = 1000;
    fn is_surely_yaml(value: &Value) -> bool {
        match value {
            Value::Number(number) => !number.is_f64(),
            Value::Array(items) => items.iter().all(is_surely_yaml),
            Value::Object(members) => members
                .iter()
                .all(|(key, member)| key.len() <= LONGEST_KEY && key != "<<" && is_surely_yaml(member)),
            Value::Null | Value::Bool(_) | Value::String(_) => true,
        }
    }
    if !text.starts_with(['{', '[']) || !text.bytes().all(|b| matches!(b, b'\n' | b' '..=b'~')) {
        return None;
    }
    if text.contains("\\u") || text.lines().any(|line| line.trim_start().starts_with(':')) {
        return None;
    }
    let parsed = parse_strict(text.as_bytes()).ok()?;
    (parsed.duplicates.is_empty() && is_surely_yaml(&parsed.value)).then_some(parsed.value)
}

fn read(yaml: &str, duplicate_keys: serde_saphyr::DuplicateKeyPolicy) -> Result<Value, YamlError> {
    match read_json(yaml) {
        Some(value) => Ok(value),
        None => read_yaml(yaml, duplicate_keys),
    }
}

fn read_yaml(yaml: &str, duplicate_keys: serde_saphyr::DuplicateKeyPolicy) -> Result<Value, YamlError> {
    match serde_saphyr::from_str_with_options::<Value>(yaml, options(duplicate_keys)) {
        Ok(mut value) => {
            normalize(&mut value);
            Ok(value)
        }
        Err(error) => match error.without_snippet() {
            Error::Eof { .. } => Ok(Value::Null),
            Error::DuplicateMappingKey { key, location } => Err(YamlError::DuplicateKey {
                line: location.line(),
                key: key.clone().unwrap_or_default(),
            }),
            other => {
                let line = other.location().map_or(1, |location| location.line());
                Err(YamlError::Syntax {
                    line,
                    message: words(&other.to_string()),
                })
            }
        },
    }
}

/// What upstream's parser says where this one says something else; its own words, without the place, for the rest.
fn words(message: &str) -> String {
    const KNOWN: [(&str, &str); 3] = [
        ("tabs disallowed", "found character that cannot start any token"),
        ("unclosed bracket '['", "did not find expected ',' or ']'"),
        ("unclosed bracket '{'", "did not find expected ',' or '}'"),
    ];
    if let Some((_, theirs)) = KNOWN.iter().find(|(ours, _)| message.starts_with(ours)) {
        return (*theirs).to_owned();
    }
    let end = message.find(" at line ").unwrap_or(message.len());
    message[..end].to_owned()
}

/// Writes whole floats as whole numbers, as Go does.
fn normalize(value: &mut Value) {
    match value {
        Value::Number(number) if number.is_f64() => {
            if let Some(whole) = number.as_f64().and_then(number_from_f64) {
                *value = whole;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(normalize),
        Value::Object(members) => members.values_mut().for_each(normalize),
        _ => {}
    }
}

/// Reads one YAML document. Of equal keys the last one wins. An empty document is `null`.
///
/// # Errors
/// If the text is not one YAML document, is nested too deep, or its anchors blow it up.
pub fn yaml_to_json(yaml: &str) -> Result<Value, YamlError> {
    read(yaml, serde_saphyr::DuplicateKeyPolicy::LastWins)
}

/// Reads one YAML document, and the complaint of strict decoding about the first key that stands
/// twice in a map.
///
/// # Errors
/// Like [`yaml_to_json`].
pub fn parse_yaml(yaml: &str) -> Result<(Value, Option<YamlError>), YamlError> {
    match read(yaml, serde_saphyr::DuplicateKeyPolicy::Error) {
        Ok(value) => Ok((value, None)),
        Err(duplicate @ YamlError::DuplicateKey { .. }) => Ok((yaml_to_json(yaml)?, Some(duplicate))),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{read_json, read_yaml};
    use crate::codec::testing::{Random, Samples};

    const POLICY: serde_saphyr::DuplicateKeyPolicy = serde_saphyr::DuplicateKeyPolicy::Error;

    #[test]
    fn json_is_the_same_to_the_yaml_parser() {
        let schema = k8s_api::builtin_schema();
        let (mut read, mut mutated) = (0, 0);
        for (seed, ty) in (0..).zip(schema.types.iter()) {
            let k8s_api::reflect::Type::Struct(structure) = ty else {
                continue;
            };
            let value = Samples::new(seed).structure(structure, 3);
            for text in [value.to_string(), format!("{value:#}\n")] {
                if let Some(json) = read_json(&text) {
                    assert_eq!(read_yaml(&text, POLICY), Ok(json), "{text}");
                    read += 1;
                }
                for _ in 0..4 {
                    let Ok(text) = String::from_utf8(Random::new(seed).mutate(text.as_bytes())) else {
                        continue;
                    };
                    if let Some(json) = read_json(&text) {
                        assert_eq!(read_yaml(&text, POLICY), Ok(json), "{text}");
                        mutated += 1;
                    }
                }
            }
        }
        assert!(read > 300 && mutated > 300, "{read} and {mutated} were read as JSON");
    }

    #[test]
    fn what_yaml_may_see_otherwise_is_left_to_its_parser() {
        assert_eq!(
            read_json("{\"a\": [1, -2, \"x\\ny\"],\n \"b\": {}}\n"),
            Some(json!({"a": [1, -2, "x\ny"], "b": {}}))
        );
        for text in [
            "a: 1",
            "{\"a\":1.0}",
            "{\"a\":1e3}",
            "{\"a\":9223372036854775808}",
            "{\"a\":1,\"a\":2}",
            "{\"a\":\"\\u0041\"}",
            "{\"a\":\"\u{e9}\"}",
            "{\"a\":\"\u{7f}\"}",
            "{\t\"a\":1}",
            "{\"a\"\n:1}",
            "{\"<<\":{}}",
            "{\"a\":1",
            "[1,]",
        ] {
            assert_eq!(read_json(text), None, "{text}");
        }
    }
}
