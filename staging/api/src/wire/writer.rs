//! Writes generated structs as JSON text or as a dynamic value.

use serde::Serialize;
use serde_json::{Map as Members, Value};

use super::{Unset, Wire};

/// Where values are written to.
#[derive(Debug)]
pub(crate) struct Writer {
    output: Output,
}

#[derive(Debug)]
enum Output {
    Text {
        json: Vec<u8>,
        first: bool,
    },
    Value {
        members: Members<String, Value>,
        elements: Vec<Value>,
        last: Value,
    },
}

impl Writer {
    pub(crate) fn text() -> Self {
        Self {
            output: Output::Text {
                json: Vec::with_capacity(1024),
                first: true,
            },
        }
    }

    pub(crate) fn value() -> Self {
        Self {
            output: Output::Value {
                members: Members::new(),
                elements: Vec::new(),
                last: Value::Null,
            },
        }
    }

    pub(crate) fn into_text(self) -> Vec<u8> {
        match self.output {
            Output::Text { json, .. } => json,
            Output::Value { last, .. } => last.to_string().into_bytes(),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self.output {
            Output::Value { last, .. } => last,
            Output::Text { .. } => unreachable!("a writer of text is asked for text"),
        }
    }

    /// Writes an object; `fill` writes its members.
    pub(crate) fn object(&mut self, fill: &dyn Fn(&mut Self)) {
        match &mut self.output {
            Output::Text { json, first } => {
                json.push(b'{');
                *first = true;
                fill(self);
                if let Output::Text { json, first } = &mut self.output {
                    json.push(b'}');
                    *first = false;
                }
            }
            Output::Value { members, .. } => {
                let outer = std::mem::take(members);
                fill(self);
                if let Output::Value { members, last, .. } = &mut self.output {
                    *last = Value::Object(std::mem::replace(members, outer));
                }
            }
        }
    }

    /// Writes a list; `fill` writes its elements, each by [`Writer::element`].
    pub(crate) fn list(&mut self, fill: &dyn Fn(&mut Self)) {
        match &mut self.output {
            Output::Text { json, first } => {
                json.push(b'[');
                *first = true;
                fill(self);
                if let Output::Text { json, first } = &mut self.output {
                    json.push(b']');
                    *first = false;
                }
            }
            Output::Value { elements, .. } => {
                let outer = std::mem::take(elements);
                fill(self);
                if let Output::Value { elements, last, .. } = &mut self.output {
                    *last = Value::Array(std::mem::replace(elements, outer));
                }
            }
        }
    }

    /// Writes one element of a list.
    pub(crate) fn element<T: Wire>(&mut self, value: &T) {
        self.comma();
        value.write(self);
        if let Output::Value { elements, last, .. } = &mut self.output {
            elements.push(last.take());
        }
    }

    fn comma(&mut self) {
        if let Output::Text { json, first } = &mut self.output
            && !std::mem::replace(first, false)
        {
            json.push(b',');
        }
    }

    fn name(&mut self, name: &str) {
        self.comma();
        if let Output::Text { json, .. } = &mut self.output {
            write_string(json, name);
            json.push(b':');
        }
    }

    fn finish(&mut self, name: &str) {
        if let Output::Value { members, last, .. } = &mut self.output {
            members.insert(name.to_owned(), last.take());
        }
    }

    /// Writes a member.
    pub(crate) fn required<T: Wire>(&mut self, name: &str, value: &T) {
        self.name(name);
        value.write(self);
        self.finish(name);
    }

    /// Writes a member unless it is unset.
    pub(crate) fn optional<T: Wire + Unset>(&mut self, name: &str, value: &T) {
        if !value.is_unset() {
            self.required(name, value);
        }
    }

    /// Writes a list or map, `null` if it is empty.
    pub(crate) fn filled<T: Wire + Unset>(&mut self, name: &str, value: &T) {
        if value.is_unset() {
            self.name(name);
            self.null();
            self.finish(name);
        } else {
            self.required(name, value);
        }
    }

    /// Writes a member that is text.
    pub(crate) fn str_member(&mut self, name: &str, value: &str) {
        self.name(name);
        self.string(value);
        self.finish(name);
    }

    pub(crate) fn null(&mut self) {
        match &mut self.output {
            Output::Text { json, .. } => json.extend_from_slice(b"null"),
            Output::Value { last, .. } => *last = Value::Null,
        }
    }

    pub(crate) fn string(&mut self, text: &str) {
        match &mut self.output {
            Output::Text { json, .. } => write_string(json, text),
            Output::Value { last, .. } => *last = Value::String(text.to_owned()),
        }
    }

    /// Writes JSON text that is valid already.
    pub(crate) fn raw_json(&mut self, text: &str) {
        match &mut self.output {
            Output::Text { json, .. } => json.extend_from_slice(text.as_bytes()),
            Output::Value { last, .. } => *last = serde_json::from_str(text).unwrap_or_default(),
        }
    }

    /// Writes any value that serde knows how to write.
    pub(crate) fn scalar<T: Serialize>(&mut self, value: &T) {
        match &mut self.output {
            Output::Text { json, .. } => serde_json::to_writer(json, value).expect("scalars encode as JSON"),
            Output::Value { last, .. } => *last = serde_json::to_value(value).expect("scalars encode as JSON"),
        }
    }
}

/// Writes a JSON string; most need no escapes.
fn write_string(json: &mut Vec<u8>, text: &str) {
    if text.bytes().any(|b| matches!(b, b'"' | b'\\' | 0..=0x1f)) {
        serde_json::to_writer(json, text).expect("text encodes as JSON");
        return;
    }
    json.reserve(text.len() + 2);
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}
