//! YAML as kustomize reads it: `yes` and `on` are texts, unlike what [`apimachinery::json::yaml_to_json`] makes of them.

use apimachinery::codec::yaml;
use serde_json::{Number, Value};

use crate::{BuildError, Result};

/// The documents of a text that are not empty.
///
/// # Errors
/// One is no YAML.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    for document in split(&text.replace("\r\n", "\n"))? {
        let value = parse(&document)?;
        if !value.is_null() {
            found.push(value);
        }
    }
    // A single list stands for its items.
    if let [list] = found.as_mut_slice()
        && matches!(list["kind"].as_str(), Some("List" | "ResourceList"))
        && let Some(Value::Array(items)) = list.get_mut("items").map(Value::take)
    {
        return Ok(items);
    }
    Ok(found)
}

/// The documents between lines that begin with `---`.
fn split(text: &str) -> Result<Vec<String>> {
    let mut documents = vec![String::new()];
    let mut first = true;
    for line in text.split_inclusive('\n') {
        if !first && let Some(rest) = line.strip_prefix("---") {
            let rest = rest.trim();
            if !rest.is_empty() && !rest.starts_with('#') {
                return Err(BuildError::new(format!("invalid document separator: {}", line.trim())));
            }
            documents.push(String::new());
        } else if let Some(document) = documents.last_mut() {
            document.push_str(line);
        }
        first = false;
    }
    Ok(documents)
}

/// One document; `null` if it is empty.
///
/// # Errors
/// It is no YAML.
pub(crate) fn parse(text: &str) -> Result<Value> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
        legacy_octal_numbers: true,
        strict_booleans: true,
        with_snippet: false,
    };
    match serde_saphyr::from_str_with_options::<Value>(text, options) {
        Ok(value) => Ok(value),
        Err(error) => match error.without_snippet() {
            serde_saphyr::Error::Eof { .. } => Ok(Value::Null),
            other => {
                let line = other.location().map_or(1, |location| location.line());
                // The words behind the line are those of the other reader, which knows upstream's.
                let message = match apimachinery::json::yaml_to_json(text) {
                    Err(apimachinery::json::YamlError::Syntax { message, .. }) => message,
                    _ => other.to_string(),
                };
                // Of the first line the number is not told.
                let place = if line > 1 {
                    format!("line {line}: ")
                } else {
                    String::new()
                };
                Err(BuildError::malformed(format!(
                    "MalformedYAMLError: yaml: {place}{message}"
                )))
            }
        },
    }
}

/// Writes whole floats as whole numbers, as Go does.
pub(crate) fn whole_numbers(value: &mut Value) {
    match value {
        Value::Number(number) => {
            if let Some(float) = number.as_f64().filter(|_| number.is_f64())
                && float.fract() == 0.0
                && float.abs() < 1e15
            {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and small")]
                let whole = float as i64;
                *number = Number::from(whole);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(whole_numbers),
        Value::Object(members) => members.values_mut().for_each(whole_numbers),
        _ => {}
    }
}

/// Objects as YAML documents.
#[must_use]
pub fn to_yaml(objects: &[Value]) -> String {
    let texts: Vec<String> = objects.iter().map(yaml::to_string).collect();
    texts.join("---\n")
}

/// JSON as Go's encoder writes it.
pub(crate) fn go_json(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        match letter {
            // Outside of strings none of these can stand.
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => text.push_str(&format!("\\u{:04x}", u32::from(letter))),
            other => text.push(other),
        }
    }
    text
}

/// A scalar as YAML shows it, without quotes; `None` for maps and lists.
pub(crate) fn scalar_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn documents_are_read() {
        for (text, expected) in [
            (
                "a: yes\nb: 017\nc: 1.0\n",
                Ok(vec![json!({"a": "yes", "b": 15, "c": 1.0})]),
            ),
            (
                "---\na: 1\n--- # more\nb: 2\n---\n",
                Ok(vec![json!({"a": 1}), json!({"b": 2})]),
            ),
            (
                "kind: List\nitems: [{a: 1}, {b: 2}]\n",
                Ok(vec![json!({"a": 1}), json!({"b": 2})]),
            ),
            ("a: 1\n--- x\n", Err("invalid document separator: --- x")),
        ] {
            let found = documents(text).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{text}");
        }
        assert!(documents("a: [1\n").expect_err("no YAML").is_malformed());
    }
}
