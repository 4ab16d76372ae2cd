//! Writes generated structs as JSON text, as a dynamic value or as a tree, or only finds some of their scalars.

use std::sync::Arc;

use serde::Serialize;
use serde_json::{Map as Members, Value};

use super::{Unset, Wire};
use crate::pick::{Paths, Picked, Step};
use crate::tree::{Builder, Tree};

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
    Tree(Builder),
    /// Nothing is written but what is wanted.
    Pick {
        paths: Arc<Paths>,
        at: Step,
        found: Picked,
    },
}

impl Writer {
    /// A writer of text that has room for so many bytes.
    pub(crate) fn text(room: usize) -> Self {
        Self {
            output: Output::Text {
                json: Vec::with_capacity(room),
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

    pub(crate) fn tree() -> Self {
        Self {
            output: Output::Tree(Builder::default()),
        }
    }

    pub(crate) fn pick(paths: Arc<Paths>) -> Self {
        Self {
            output: Output::Pick {
                at: Paths::ROOT,
                found: vec![None; paths.len()],
                paths,
            },
        }
    }

    pub(crate) fn into_text(self) -> Vec<u8> {
        match self.output {
            Output::Text { json, .. } => json,
            _ => unreachable!("only a writer of text is asked for text"),
        }
    }

    pub(crate) fn into_value(self) -> Value {
        match self.output {
            Output::Value { last, .. } => last,
            _ => unreachable!("only a writer of a value is asked for one"),
        }
    }

    pub(crate) fn into_tree(self) -> Tree {
        match self.output {
            Output::Tree(builder) => builder.finish(),
            _ => unreachable!("only a writer of a tree is asked for one"),
        }
    }

    pub(crate) fn into_picked(self) -> Picked {
        match self.output {
            Output::Pick { found, .. } => found,
            _ => unreachable!("only a writer that picks is asked for what it found"),
        }
    }

    /// Writes a member of that name by `write`; where only some are wanted, if it is one of them.
    fn if_wanted(&mut self, name: &str, write: impl FnOnce(&mut Self)) {
        let Output::Pick { paths, at, .. } = &mut self.output else {
            return write(self);
        };
        let Some(inner) = paths.member(*at, name) else { return };
        let outer = std::mem::replace(at, inner);
        write(self);
        if let Output::Pick { at, .. } = &mut self.output {
            *at = outer;
        }
    }

    /// Keeps a scalar if it is wanted.
    fn found(&mut self, text: impl FnOnce() -> Box<str>) {
        if let Output::Pick { paths, at, found } = &mut self.output
            && let Some(number) = paths.number(*at)
        {
            found[number] = Some(text());
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
            Output::Tree(builder) => {
                let begin = builder.begin();
                fill(self);
                if let Output::Tree(builder) = &mut self.output {
                    builder.end_object(begin);
                }
            }
            Output::Pick { .. } => fill(self),
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
            Output::Tree(builder) => {
                let begin = builder.begin();
                fill(self);
                if let Output::Tree(builder) = &mut self.output {
                    builder.end_list(begin);
                }
            }
            Output::Pick { .. } => {}
        }
    }

    /// Writes one element of a list.
    pub(crate) fn element<T: Wire>(&mut self, value: &T) {
        self.comma();
        value.write(self);
        match &mut self.output {
            Output::Value { elements, last, .. } => elements.push(last.take()),
            Output::Tree(builder) => builder.element(),
            Output::Text { .. } | Output::Pick { .. } => {}
        }
    }

    fn comma(&mut self) {
        if let Output::Text { json, first } = &mut self.output
            && !std::mem::replace(first, false)
        {
            json.push(b',');
        }
    }

    /// Begins the member of a struct, whose name needs no escapes.
    fn name(&mut self, name: &'static str) {
        self.comma();
        if let Output::Text { json, .. } = &mut self.output {
            json.reserve(name.len() + 3);
            json.push(b'"');
            json.extend_from_slice(name.as_bytes());
            json.extend_from_slice(b"\":");
        }
    }

    fn finish(&mut self, name: &str) {
        match &mut self.output {
            Output::Value { members, last, .. } => drop(members.insert(name.to_owned(), last.take())),
            Output::Tree(builder) => builder.member(name),
            Output::Text { .. } | Output::Pick { .. } => {}
        }
    }

    /// Writes an entry of a map.
    pub(crate) fn entry<T: Wire>(&mut self, name: &str, value: &T) {
        self.if_wanted(name, |writer| {
            writer.comma();
            if let Output::Text { json, .. } = &mut writer.output {
                write_string(json, name);
                json.push(b':');
            }
            value.write(writer);
            writer.finish(name);
        });
    }

    /// Writes a member.
    pub(crate) fn required<T: Wire>(&mut self, name: &'static str, value: &T) {
        self.if_wanted(name, |writer| {
            writer.name(name);
            value.write(writer);
            writer.finish(name);
        });
    }

    /// Writes a member unless it is unset.
    pub(crate) fn optional<T: Wire + Unset>(&mut self, name: &'static str, value: &T) {
        if !value.is_unset() {
            self.required(name, value);
        }
    }

    /// Writes a list or map, `null` if it is empty.
    pub(crate) fn filled<T: Wire + Unset>(&mut self, name: &'static str, value: &T) {
        if value.is_unset() {
            self.if_wanted(name, |writer| {
                writer.name(name);
                writer.null();
                writer.finish(name);
            });
        } else {
            self.required(name, value);
        }
    }

    /// Writes a member that is text.
    pub(crate) fn str_member(&mut self, name: &'static str, value: &str) {
        self.if_wanted(name, |writer| {
            writer.name(name);
            writer.string(value);
            writer.finish(name);
        });
    }

    pub(crate) fn null(&mut self) {
        match &mut self.output {
            Output::Text { json, .. } => json.extend_from_slice(b"null"),
            Output::Value { last, .. } => *last = Value::Null,
            Output::Tree(builder) => builder.null(),
            Output::Pick { .. } => {}
        }
    }

    pub(crate) fn string(&mut self, text: &str) {
        match &mut self.output {
            Output::Text { json, .. } => write_string(json, text),
            Output::Value { last, .. } => *last = Value::String(text.to_owned()),
            Output::Tree(builder) => builder.string(text),
            Output::Pick { .. } => self.found(|| text.into()),
        }
    }

    /// Writes JSON text that is valid already.
    pub(crate) fn raw_json(&mut self, text: &str) {
        match &mut self.output {
            Output::Text { json, .. } => json.extend_from_slice(text.as_bytes()),
            Output::Value { last, .. } => *last = serde_json::from_str(text).unwrap_or_default(),
            Output::Tree(builder) => builder.value(&serde_json::from_str(text).unwrap_or_default()),
            Output::Pick { .. } => {}
        }
    }

    /// Writes what a manager owns; a tree does without.
    pub(crate) fn fields(&mut self, text: &str) {
        match &mut self.output {
            Output::Tree(builder) => builder.null(),
            Output::Text { .. } | Output::Value { .. } | Output::Pick { .. } => self.raw_json(text),
        }
    }

    /// Writes any value that serde knows how to write.
    pub(crate) fn scalar<T: Serialize>(&mut self, value: &T) {
        match &mut self.output {
            Output::Text { json, .. } => serde_json::to_writer(json, value).expect("scalars encode as JSON"),
            Output::Value { last, .. } => *last = serde_json::to_value(value).expect("scalars encode as JSON"),
            Output::Tree(builder) => builder.value(&serde_json::to_value(value).expect("scalars encode as JSON")),
            Output::Pick { .. } => match serde_json::to_value(value).expect("scalars encode as JSON") {
                Value::String(text) => self.found(|| text.into()),
                scalar @ (Value::Bool(_) | Value::Number(_)) => self.found(|| scalar.to_string().into()),
                Value::Null | Value::Array(_) | Value::Object(_) => {}
            },
        }
    }
}

/// Writes a JSON string; most need no escapes. To look at all of a text at once is faster than to stop at the first.
fn write_string(json: &mut Vec<u8>, text: &str) {
    let special = |b: u8| (b < 0x20) | (b == b'"') | (b == b'\\');
    if text.bytes().fold(false, |found, b| found | special(b)) {
        serde_json::to_writer(json, text).expect("text encodes as JSON");
        return;
    }
    json.reserve(text.len() + 2);
    json.push(b'"');
    json.extend_from_slice(text.as_bytes());
    json.push(b'"');
}
