//! YAML as upstream reads it: turned into JSON first (`sigs.k8s.io/yaml`).
//!
//! Numbers with a leading zero are octal, `yes` and `on` are true, keys become strings. Anchors are
//! allowed as far as they do not blow up the document.

use serde_json::Value;
use serde_saphyr::{Error, Options};

use super::parse::{MAX_DEPTH, number_from_f64};

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

fn read(yaml: &str, duplicate_keys: serde_saphyr::DuplicateKeyPolicy) -> Result<Value, YamlError> {
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
