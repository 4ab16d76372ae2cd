//! The documents of a stream: YAML between `---`, or JSON one after the other (upstream: `yaml.NewYAMLOrJSONDecoder`).

use apimachinery::json::yaml_to_json;
use serde_json::Value;

use crate::{Result, message};

/// The text of a file: UTF-8, or UTF-16 where a mark says so.
pub(super) fn text(bytes: &[u8]) -> String {
    let wide = |decode: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes[2..]
            .chunks_exact(2)
            .map(|pair| decode([pair[0], pair[1]]))
            .collect();
        String::from_utf16_lossy(&units)
    };
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8_lossy(rest).into_owned(),
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

/// Every document that is not empty, up to the first that cannot be read, and why it cannot.
pub fn documents(bytes: &[u8], source: &str) -> (Vec<Value>, Result<()>) {
    let text = text(bytes);
    let mut found = Vec::new();
    if text.trim_start().starts_with('{') {
        let (ended_at, outcome) = json(&text, source, &mut found);
        let rest = text.get(ended_at..).unwrap_or_default().trim_start();
        if outcome.is_ok() || !rest.starts_with("---") {
            return (found, outcome);
        }
        // JSON may be followed by documents between marks.
        let outcome = yaml(rest, source, &mut found);
        return (found, outcome);
    }
    let outcome = yaml(&text, source, &mut found);
    (found, outcome)
}

fn json(text: &str, source: &str, found: &mut Vec<Value>) -> (usize, Result<()>) {
    let mut stream = serde_json::Deserializer::from_str(text).into_iter::<Value>();
    loop {
        let offset = stream.byte_offset();
        match stream.next() {
            None => return (offset, Ok(())),
            Some(Ok(value)) => found.extend((!value.is_null()).then_some(value)),
            Some(Err(error)) => return (offset, Err(message!("error parsing {source}: {error}"))),
        }
    }
}

fn yaml(text: &str, source: &str, found: &mut Vec<Value>) -> Result<()> {
    for document in split(text) {
        let value = yaml_to_json(&document).map_err(|error| message!("error parsing {source}: {error}"))?;
        match value {
            Value::Null => {}
            Value::Object(_) => found.push(value),
            other => {
                let kind = match other {
                    Value::String(_) => "string",
                    Value::Array(_) => "array",
                    Value::Bool(_) => "bool",
                    _ => "number",
                };
                return Err(message!(
                    "error validating {source:?}: error validating data: invalid object to validate: a {kind} is no object"
                ));
            }
        }
    }
    Ok(())
}

/// The documents between lines that begin with `---`.
fn split(text: &str) -> Vec<String> {
    let mut documents = vec![String::new()];
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("---") {
            // What stands behind the mark may be a document's beginning, or a comment.
            let rest = rest.trim();
            documents.push(if rest.starts_with('#') {
                String::new()
            } else {
                rest.to_owned()
            });
            continue;
        }
        if let Some(document) = documents.last_mut() {
            if !document.is_empty() {
                document.push('\n');
            }
            document.push_str(line);
        }
    }
    documents.retain(|document| !document.trim().is_empty());
    documents.iter_mut().for_each(|document| document.push('\n'));
    documents
}
