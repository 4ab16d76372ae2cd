//! OpenAPI documents in protobuf.
//!
//! The messages are gnostic's (`openapi.v2.Document`, `openapi.v3.Document`), which kubectl
//! asks for in version 2, and client libraries in either. Their shape follows the JSON form,
//! so that tables which pair member names with field numbers say all there is to say; the engine
//! here walks a JSON value along such a table.

#[cfg(test)]
mod tests;
pub(crate) mod v2;
pub(crate) mod v3;

use serde_json::Value;

/// How a JSON value becomes a message.
pub(crate) enum Message {
    /// An object whose members are fields.
    Fields {
        /// The members that have a field of their own.
        fields: &'static [Field],
        /// Field of `x-…` members, as pairs of name and YAML; zero if there are none.
        extensions: u32,
        /// Field and message of all other members, as pairs of name and value.
        rest: Option<(u32, &'static Message)>,
    },
    /// A `oneof`, decided by the value.
    Choice(fn(&Value) -> Chosen),
    /// A text or a list of texts, in one repeated field.
    Texts(u32),
    /// A value or a list of values, in one repeated field.
    Repeated(u32, &'static Message),
}

/// A branch of a `oneof`.
pub(crate) enum Chosen {
    Message(u32, &'static Message),
    Bool(u32),
    Number(u32),
    Text(u32),
    /// The message stays empty.
    Nothing,
}

/// A member of an object: its name, its field's number and type.
pub(crate) struct Field(pub(crate) &'static str, pub(crate) u32, pub(crate) Kind);

/// The type of a field.
pub(crate) enum Kind {
    Text,
    Bool,
    Integer,
    Number,
    /// `Any`: the value as YAML.
    Any,
    Anys,
    Texts,
    One(&'static Message),
    Many(&'static Message),
}

/// An object whose members are pairs of name and value in field 1.
pub(crate) const fn named(value: &'static Message) -> Message {
    Message::Fields {
        fields: &[],
        extensions: 0,
        rest: Some((1, value)),
    }
}

/// Appends the fields of a message, without its length.
pub(crate) fn encode(value: &Value, message: &Message, out: &mut Vec<u8>) {
    match message {
        Message::Fields {
            fields,
            extensions,
            rest,
        } => {
            let Value::Object(members) = value else {
                return;
            };
            for Field(name, number, kind) in *fields {
                if let Some(value) = members.get(*name) {
                    field(value, *number, kind, out);
                }
            }
            for (name, value) in members {
                if name.starts_with("x-") && *extensions != 0 {
                    submessage(*extensions, out, |out| {
                        text(1, name, out);
                        any(2, value, out);
                    });
                } else if let Some((number, message)) = rest
                    && !fields.iter().any(|f| f.0 == name)
                {
                    named_value(*number, name, out, |out| encode(value, message, out));
                }
            }
        }
        Message::Choice(choose) => match choose(value) {
            Chosen::Message(number, message) => submessage(number, out, |out| encode(value, message, out)),
            Chosen::Bool(number) => bool(number, value.as_bool().unwrap_or_default(), out),
            Chosen::Number(number) => double(number, value.as_f64().unwrap_or_default(), out),
            Chosen::Text(number) => text(number, value.as_str().unwrap_or_default(), out),
            Chosen::Nothing => {}
        },
        Message::Texts(number) => texts(*number, value, out),
        Message::Repeated(number, message) => match value {
            Value::Array(items) => {
                for item in items {
                    submessage(*number, out, |out| encode(item, message, out));
                }
            }
            item => submessage(*number, out, |out| encode(item, message, out)),
        },
    }
}

fn field(value: &Value, number: u32, kind: &Kind, out: &mut Vec<u8>) {
    match kind {
        Kind::Text => text(number, value.as_str().unwrap_or_default(), out),
        Kind::Bool => {
            if value.as_bool() == Some(true) {
                bool(number, true, out);
            }
        }
        Kind::Integer => {
            // Two's complement, as protobuf writes negative numbers.
            let bits = value.as_i64().unwrap_or_default().cast_unsigned();
            tag(number, 0, out);
            varint(bits, out);
        }
        Kind::Number => double(number, value.as_f64().unwrap_or_default(), out),
        Kind::Any => any(number, value, out),
        Kind::Anys => {
            for item in value.as_array().into_iter().flatten() {
                any(number, item, out);
            }
        }
        Kind::Texts => texts(number, value, out),
        Kind::One(message) => submessage(number, out, |out| encode(value, message, out)),
        Kind::Many(message) => {
            for item in value.as_array().into_iter().flatten() {
                submessage(number, out, |out| encode(item, message, out));
            }
        }
    }
}

fn texts(number: u32, value: &Value, out: &mut Vec<u8>) {
    let items = match value {
        Value::Array(items) => items.as_slice(),
        item => std::slice::from_ref(item),
    };
    for item in items.iter().filter_map(Value::as_str) {
        tag(number, 2, out);
        varint(item.len() as u64, out);
        out.extend_from_slice(item.as_bytes());
    }
}

/// An `Any`: the value as YAML, of which JSON is a part.
fn any(number: u32, value: &Value, out: &mut Vec<u8>) {
    submessage(number, out, |out| text(2, &format!("{value}\n"), out));
}

/// A pair of name and message.
pub(crate) fn named_value(number: u32, name: &str, out: &mut Vec<u8>, value: impl FnOnce(&mut Vec<u8>)) {
    submessage(number, out, |out| {
        text(1, name, out);
        submessage(2, out, value);
    });
}

/// A message with its length in front.
pub(crate) fn submessage(number: u32, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    tag(number, 2, out);
    let start = out.len();
    write(out);
    let length = out.len() - start;
    let mut prefix = Vec::with_capacity(5);
    varint(length as u64, &mut prefix);
    out.splice(start..start, prefix);
}

pub(crate) fn text(number: u32, text: &str, out: &mut Vec<u8>) {
    if !text.is_empty() {
        tag(number, 2, out);
        varint(text.len() as u64, out);
        out.extend_from_slice(text.as_bytes());
    }
}

fn bool(number: u32, value: bool, out: &mut Vec<u8>) {
    tag(number, 0, out);
    out.push(u8::from(value));
}

fn double(number: u32, value: f64, out: &mut Vec<u8>) {
    tag(number, 1, out);
    out.extend_from_slice(&value.to_le_bytes());
}

fn tag(number: u32, wire_type: u32, out: &mut Vec<u8>) {
    varint(u64::from(number << 3 | wire_type), out);
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
