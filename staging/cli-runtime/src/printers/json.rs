//! `-o json` and `-o yaml`.

use std::io::Write;

use apimachinery::codec::{json as go_json, yaml};
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::ResourcePrinter;
use super::ordered::Ordered;
use crate::gotext::TabWriter;
use crate::resource::text_at;
use crate::{Result, message};

/// JSON with four blanks a level, as Go's `MarshalIndent` writes it; no line break at the end.
#[must_use]
pub fn json_indented(value: &impl Serialize) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer).expect("a JSON value encodes as JSON");
    go_escaped(String::from_utf8(bytes).expect("JSON is UTF-8"))
}

/// What Go escapes though JSON does not ask for it.
fn go_escaped(text: String) -> String {
    if !text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) {
        return text;
    }
    // These stand in strings only.
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

pub(super) fn check_type(object: &Value) -> Result<()> {
    if text_at(object, &["kind"]).is_empty() && text_at(object, &["apiVersion"]).is_empty() {
        return Err(message!(
            "missing apiVersion or kind; try GetObjectKind().SetGroupVersionKind() if you know the type"
        ));
    }
    Ok(())
}

/// The object without `metadata.managedFields`, and a list's items without theirs.
pub(super) fn without_managed_fields(object: &Value) -> Value {
    let mut object = object.clone();
    drop_managed_fields(&mut object);
    object
}

fn drop_managed_fields(object: &mut Value) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    if let Some(items) = object.get_mut("items").and_then(Value::as_array_mut) {
        items.iter_mut().for_each(drop_managed_fields);
    }
}

/// Writes JSON.
#[derive(Clone, Copy, Debug, Default)]
pub struct JsonPrinter {
    /// Whether `metadata.managedFields` are written.
    pub show_managed_fields: bool,
    /// Whether members stand as the object's type declares them, not by name.
    pub declared: bool,
}

impl ResourcePrinter for JsonPrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        check_type(object)?;
        let shown = if self.show_managed_fields {
            object
        } else {
            &without_managed_fields(object)
        };
        let text = if self.declared {
            json_indented(&Ordered::declared(shown))
        } else {
            json_indented(shown)
        };
        Ok(writeln!(out, "{text}")?)
    }

    fn print_event(&mut self, event: &str, object: &Value, out: &mut TabWriter) -> Result<()> {
        let mut line = format!("{{\"type\":{},\"object\":", Value::from(event)).into_bytes();
        go_json::append(&mut line, object).expect("a JSON value encodes as JSON");
        line.extend_from_slice(b"}\n");
        Ok(out.write_all(&line)?)
    }
}

/// Writes YAML, documents apart by `---`.
#[derive(Clone, Copy, Debug, Default)]
pub struct YamlPrinter {
    /// Whether `metadata.managedFields` are written.
    pub show_managed_fields: bool,
    printed: bool,
}

impl YamlPrinter {
    /// With or without `metadata.managedFields`.
    #[must_use]
    pub fn new(show_managed_fields: bool) -> Self {
        Self {
            show_managed_fields,
            printed: false,
        }
    }

    fn write(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        if std::mem::replace(&mut self.printed, true) {
            out.write_all(b"---\n")?;
        }
        Ok(out.write_all(yaml::to_string(object).as_bytes())?)
    }
}

impl ResourcePrinter for YamlPrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        check_type(object)?;
        if self.show_managed_fields {
            self.write(object, out)
        } else {
            self.write(&without_managed_fields(object), out)
        }
    }

    fn print_event(&mut self, event: &str, object: &Value, out: &mut TabWriter) -> Result<()> {
        self.write(&serde_json::json!({"type": event, "object": object}), out)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_stand_by_name_or_as_declared() {
        let object = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": [], "containers": [{"image": "a\\\"{<", "name": "c"}]}});
        for (declared, expected) in [
            (
                false,
                "{\n    \"apiVersion\": \"v1\",\n    \"kind\": \"Pod\",\n    \"spec\": {\n        \"containers\": [\n            {\n                \"image\": \"a\\\\\\\"{\\u003c\",\n                \"name\": \"c\"\n            }\n        ],\n        \"volumes\": []\n    }\n}\n",
            ),
            (
                true,
                "{\n    \"kind\": \"Pod\",\n    \"apiVersion\": \"v1\",\n    \"spec\": {\n        \"volumes\": [],\n        \"containers\": [\n            {\n                \"name\": \"c\",\n                \"image\": \"a\\\\\\\"{\\u003c\"\n            }\n        ]\n    }\n}\n",
            ),
        ] {
            let mut printer = JsonPrinter {
                declared,
                ..JsonPrinter::default()
            };
            let mut out = Vec::new();
            printer.print(&object, &mut out).expect("a place to write to");
            assert_eq!(String::from_utf8(out).expect("text"), expected);
        }
    }
}
