//! `-o kyaml`: YAML in flow style, every text quoted (upstream: `sigs.k8s.io/yaml/kyaml`).

use std::io::Write;

use serde_json::Value;

use super::ResourcePrinter;
use super::json::{check_type, without_managed_fields};
use super::ordered::Ordered;
use crate::Result;

/// Writes KYAML.
#[derive(Clone, Copy, Debug, Default)]
pub struct KyamlPrinter {
    /// Whether `metadata.managedFields` are written.
    pub show_managed_fields: bool,
    /// Whether members stand as the object's type declares them, not by name.
    pub declared: bool,
}

impl ResourcePrinter for KyamlPrinter {
    fn print(&mut self, object: &Value, out: &mut dyn Write) -> Result<()> {
        // An event has no type of its own.
        if object.get("type").is_none() {
            check_type(object)?;
        }
        let object = if self.show_managed_fields {
            object.clone()
        } else {
            without_managed_fields(object)
        };
        let object = if self.declared {
            Ordered::declared(&object)
        } else {
            Ordered::by_name(&object)
        };
        let mut text = "---\n".to_owned();
        value(&mut text, &object, 0);
        text.push('\n');
        Ok(out.write_all(text.as_bytes())?)
    }
}

fn value(out: &mut String, json: &Ordered, indent: usize) {
    match json {
        Ordered::Object(members) if !members.is_empty() => object(out, members, indent),
        Ordered::Array(items) if !items.is_empty() => array(out, items, indent),
        Ordered::Object(_) => out.push_str("{}"),
        Ordered::Array(_) => out.push_str("[]"),
        Ordered::Scalar(Value::String(text)) => string(out, text, indent),
        Ordered::Scalar(scalar) => out.push_str(&scalar.to_string()),
    }
}

fn object(out: &mut String, members: &[(String, Ordered)], indent: usize) {
    out.push_str("{\n");
    for (key, member) in members {
        out.push_str(&" ".repeat(indent + 2));
        if is_plain_key(key) {
            out.push_str(key);
        } else {
            out.push_str(&Value::from(key.as_str()).to_string());
        }
        out.push_str(": ");
        value(out, member, indent + 2);
        out.push_str(",\n");
    }
    out.push_str(&" ".repeat(indent));
    out.push('}');
}

/// Lists of objects cuddle the brackets; lists of scalars have a line an item.
fn array(out: &mut String, items: &[Ordered], indent: usize) {
    let cuddled = items
        .iter()
        .all(|item| matches!(item, Ordered::Object(members) if !members.is_empty()))
        || items
            .iter()
            .all(|item| matches!(item, Ordered::Array(inner) if !inner.is_empty()));
    if cuddled {
        out.push('[');
        for (index, item) in items.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            value(out, item, indent);
        }
        out.push(']');
        return;
    }
    out.push_str("[\n");
    for item in items {
        out.push_str(&" ".repeat(indent + 2));
        value(out, item, indent + 2);
        out.push_str(",\n");
    }
    out.push_str(&" ".repeat(indent));
    out.push(']');
}

/// Texts of several lines are folded at their line breaks.
fn string(out: &mut String, text: &str, indent: usize) {
    if !text.trim_end_matches('\n').contains('\n') {
        out.push_str(&Value::from(text).to_string());
        return;
    }
    out.push_str("\"\\\n");
    let pad = " ".repeat(indent + 1);
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        let quoted = Value::from(line).to_string();
        let inner = &quoted[1..quoted.len() - 1];
        out.push_str(&pad);
        // A blank at a line's beginning would be folded away.
        out.push_str(if inner.starts_with(' ') { "\\" } else { " " });
        out.push_str(inner);
        if lines.peek().is_some() {
            out.push_str("\\\n");
        }
    }
    out.push_str(&format!("\\\n{pad} \""));
}

/// Whether a key needs no quotes: it is a name, and none that YAML reads as something else.
fn is_plain_key(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let special = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "~"];
    key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && key.chars().all(plain)
        && !special.contains(&key.to_lowercase().as_str())
}
