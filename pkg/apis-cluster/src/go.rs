//! How Go prints composite values in errors.
//!
//! A bad value that is a struct appears as the JSON of the server's internal type: members by
//! their Go names, in the order of declaration, absent lists and pointers as `null`.

use std::fmt::Write as _;

use apimachinery::field::BadValue;
use serde::Serialize;

/// The JSON of a struct, member by member.
#[derive(Debug)]
pub(crate) struct Struct(String);

/// The JSON of a plain value, escaped as Go does it.
pub(crate) fn json(value: &(impl Serialize + ?Sized)) -> String {
    let text = serde_json::to_string(value).unwrap_or_else(|error| error.to_string());
    text.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

/// A list that is absent when empty.
pub(crate) fn list<T: Serialize>(items: &[T]) -> String {
    if items.is_empty() { "null".into() } else { json(items) }
}

/// A list of structs that is absent when empty.
pub(crate) fn structs<T>(items: &[T], show: impl Fn(&T) -> String) -> String {
    if items.is_empty() {
        return "null".into();
    }
    format!("[{}]", items.iter().map(show).collect::<Vec<_>>().join(","))
}

/// A pointer to a struct.
pub(crate) fn pointer<T>(value: Option<&T>, show: impl FnOnce(&T) -> String) -> String {
    value.map_or_else(|| "null".into(), show)
}

/// JSON over several lines, each level indented by one space.
pub(crate) fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for c in json.chars() {
        let outside = !quoted;
        if outside && matches!(c, '}' | ']') {
            depth -= 1;
            out.push('\n');
            out.push_str(&" ".repeat(depth));
        }
        out.push(c);
        match c {
            '"' if !escaped => quoted = !quoted,
            ':' if outside => out.push(' '),
            '{' | '[' | ',' if outside => {
                depth += usize::from(c != ',');
                out.push('\n');
                out.push_str(&" ".repeat(depth));
            }
            _ => {}
        }
        escaped = quoted && c == '\\' && !escaped;
    }
    out
}

impl Struct {
    pub(crate) fn new() -> Self {
        Self("{".into())
    }

    /// Adds a member whose value is a plain one.
    pub(crate) fn field(self, name: &str, value: &(impl Serialize + ?Sized)) -> Self {
        self.raw(name, &json(value))
    }

    /// Adds a member whose JSON is given.
    pub(crate) fn raw(mut self, name: &str, json: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        // Writing to a string cannot fail.
        let _ = write!(self.0, "\"{name}\":{json}");
        self
    }

    pub(crate) fn end(mut self) -> String {
        self.0.push('}');
        self.0
    }

    pub(crate) fn bad_value(self) -> BadValue {
        BadValue::plain(self.end())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_keep_their_order_and_html_is_escaped() {
        let shown = Struct::new().field("B", "<a&b>").raw("A", &list::<String>(&[])).end();
        assert_eq!(shown, r#"{"B":"\u003ca\u0026b\u003e","A":null}"#);
    }

    #[test]
    fn pretty_printing() {
        assert_eq!(
            pretty(r#"[{"a":"x,\"{","b":1}]"#),
            "[\n {\n  \"a\": \"x,\\\"{\",\n  \"b\": 1\n }\n]"
        );
    }
}
