//! `-o json` and `-o yaml`.

use std::io::Write;

use apimachinery::codec::{json as go_json, yaml};
use serde::Serialize as _;
use serde_json::Value;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::ResourcePrinter;
use crate::gotext::TabWriter;
use crate::resource::text_at;
use crate::{Result, message};

/// JSON with four blanks a level, as Go's `MarshalIndent` writes it; no line break at the end.
#[must_use]
pub fn json_indented(value: &Value) -> String {
    let mut bytes = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b"    "));
    value.serialize(&mut serializer).expect("a JSON value encodes as JSON");
    let text = String::from_utf8(bytes).expect("JSON is UTF-8");
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
}

impl ResourcePrinter for JsonPrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        check_type(object)?;
        let text = if self.show_managed_fields {
            json_indented(object)
        } else {
            json_indented(&without_managed_fields(object))
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
