//! Block YAML for conflict messages.

use serde_json::Value;

/// The value as block YAML with a newline at the end.
pub(super) fn to_yaml(value: &Value) -> String {
    let mut out = String::new();
    write_block(&mut out, value, 0, false);
    out
}

/// Writes `value` at `indent`; `inline` if the cursor stands behind a key or dash.
fn write_block(out: &mut String, value: &Value, indent: usize, after_dash: bool) {
    match value {
        Value::Object(map) if !map.is_empty() => {
            for (i, (key, member)) in map.iter().enumerate() {
                if !(after_dash && i == 0) {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str(&scalar(key));
                out.push(':');
                write_member(out, member, indent);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                if !(after_dash && i == 0) {
                    out.push_str(&" ".repeat(indent));
                }
                out.push_str("- ");
                write_block(out, item, indent + 2, true);
            }
        }
        Value::Object(_) => out.push_str("{}\n"),
        Value::Array(_) => out.push_str("[]\n"),
        Value::String(s) => {
            out.push_str(&scalar(s));
            out.push('\n');
        }
        other => {
            out.push_str(&other.to_string());
            out.push('\n');
        }
    }
}

fn write_member(out: &mut String, member: &Value, indent: usize) {
    match member {
        Value::Object(map) if !map.is_empty() => {
            out.push('\n');
            write_block(out, member, indent + 2, false);
        }
        // Lists stand at the column of their key.
        Value::Array(items) if !items.is_empty() => {
            out.push('\n');
            write_block(out, member, indent, false);
        }
        _ => {
            out.push(' ');
            write_block(out, member, indent, false);
        }
    }
}

/// Text, quoted where YAML would read something else.
fn scalar(text: &str) -> String {
    let reserved = matches!(
        text.to_ascii_lowercase().as_str(),
        "" | "~" | "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    let special_start = text.starts_with(|c: char| "!&*-?:[]{},#|>@`\"'% ".contains(c));
    let special = text.contains(": ") || text.contains(" #") || text.ends_with([':', ' ']);
    if reserved || text.parse::<f64>().is_ok() || text.contains(char::is_control) {
        return Value::from(text).to_string();
    }
    if special_start || special {
        return format!("'{}'", text.replace('\'', "''"));
    }
    text.to_owned()
}
