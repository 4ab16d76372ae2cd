//! The `FieldsV1` encoding: nested objects whose names are path elements.
//!
//! `f:<name>`, `k:{"<key>":<value>,…}` (keys sorted), `v:<value>` and `i:<index>`; `.` marks that
//! the path to the object is itself a member, where that is not said by an empty object. Names of
//! unknown kinds are skipped with what is below them.

use serde::Deserialize;
use serde_json::{Map, Value};
use smol_str::SmolStr;

use super::element::KeyField;
use super::{Judgement, PathElement, Set, text};
use crate::apply::go;

/// Why a `FieldsV1` document is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum FieldsError {
    /// A name of fewer than two characters.
    #[error("parsing key as path element: key must be 2 characters long:")]
    Short,
    /// A name whose second character is no colon.
    #[error("parsing key as path element: missing colon: {0}")]
    MissingColon(String),
    /// A value after `v:` or `k:` that is not JSON of the right shape.
    #[error("parsing key as path element: {0}")]
    Value(String),
    /// An index that is no number.
    #[error("parsing key as path element: strconv.Atoi: parsing {0}: invalid syntax")]
    Index(String),
    /// Something other than an object where one is needed.
    #[error("ReadMapCB: expect {{ or n, but found {0}")]
    NotAnObject(String),
    /// The document is no JSON.
    #[error("{0}")]
    Json(String),
}

/// Reads the first JSON value of `text`.
fn first_value<'a, T: Deserialize<'a>>(text: &'a str) -> Result<T, FieldsError> {
    T::deserialize(&mut serde_json::Deserializer::from_str(text)).map_err(|e| FieldsError::Value(e.to_string()))
}

impl PathElement {
    /// Parses an element's `FieldsV1` name; `None` for a kind that is not known.
    ///
    /// # Errors
    /// If the name is malformed.
    pub fn parse(name: &str) -> Result<Option<Self>, FieldsError> {
        let &[kind, colon, ..] = name.as_bytes() else {
            return Err(FieldsError::Short);
        };
        if colon != b':' {
            return Err(FieldsError::MissingColon(name.to_owned()));
        }
        Ok(Some(match kind {
            b'f' => Self::field(&name[2..]),
            b'v' => Self::Value(Box::new(first_value(&name[2..])?)),
            b'k' => {
                let fields: Map<String, Value> = first_value(&name[2..])?;
                let fields = fields.into_iter().map(|(name, value)| KeyField {
                    name: SmolStr::from(name),
                    value,
                });
                Self::from_key_fields(fields.collect())
            }
            b'i' => Self::Index(
                name[2..]
                    .parse()
                    .map_err(|_| FieldsError::Index(go::quote(&name[2..])))?,
            ),
            _ => return Ok(None),
        }))
    }

    /// Appends the element's `FieldsV1` name.
    pub(crate) fn write_name(&self, out: &mut String) {
        match self {
            Self::Field(name) => {
                out.push_str("f:");
                out.push_str(name);
            }
            Self::Key(fields) => {
                out.push_str("k:{");
                for (i, field) in fields.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    push_json_string(out, &field.name);
                    out.push(':');
                    push_json(out, &field.value);
                }
                out.push('}');
            }
            Self::Value(value) => {
                out.push_str("v:");
                push_json(out, value);
            }
            Self::Index(index) => {
                out.push_str("i:");
                out.push_str(&index.to_string());
            }
        }
    }

    /// The element's `FieldsV1` name.
    #[must_use]
    pub fn name(&self) -> String {
        let mut out = String::with_capacity(24);
        self.write_name(&mut out);
        out
    }
}

/// Whether a text stands in JSON as it is.
fn is_plain(text: &str) -> bool {
    let plain = |b: u8| (0x20..0x7f).contains(&b) & (b != b'"') & (b != b'\\');
    text.bytes().fold(true, |all, b| all & plain(b))
}

/// Whether a value of a name needs no escapes but those of its quotes. What upstream escapes for HTML does.
fn is_plain_value(value: &Value) -> bool {
    match value {
        Value::String(text) => is_plain_text(text),
        Value::Number(number) => !number.is_f64(),
        _ => false,
    }
}

/// [`is_plain_value`] of text.
fn is_plain_text(text: &str) -> bool {
    is_plain(text) && !text.bytes().any(|b| matches!(b, b'<' | b'>' | b'&'))
}

/// Appends a [plain value](is_plain_value) of a name that is a key of JSON text.
fn write_plain_value(value: &Value, out: &mut String) {
    match value {
        Value::String(text) => {
            out.push_str("\\\"");
            out.push_str(text);
            out.push_str("\\\"");
        }
        other => out.push_str(&other.to_string()),
    }
}

fn push_json_string(out: &mut String, text: &str) {
    if !text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        out.push_str(&Value::from(text).to_string());
        return;
    }
    out.push('"');
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        let (plain, special) = rest.split_at(at);
        out.push_str(plain);
        out.push('\\');
        out.push_str(&special[..1]);
        rest = &special[1..];
    }
    out.push_str(rest);
    out.push('"');
}

/// JSON as upstream's encoder writes it in a name: whole floats without a fraction, HTML escaped.
fn push_json(out: &mut String, value: &Value) {
    match value {
        Value::String(s) if !s.contains(['<', '>', '&', '\u{2028}', '\u{2029}']) => push_json_string(out, s),
        Value::Number(n) if n.is_f64() => match n.as_f64() {
            Some(f) if f.fract() == 0.0 && f.abs() < 1e21 => out.push_str(&format!("{f:.0}")),
            _ => out.push_str(&n.to_string()),
        },
        other => out.push_str(&go::json(other)),
    }
}

/// Appends an element's name as a key of JSON text, with the colon behind it.
pub(crate) fn write_key(element: &PathElement, scratch: &mut String, out: &mut String) {
    match element {
        PathElement::Field(name) => return write_field_key(name, scratch, out),
        PathElement::Key(fields)
            if fields
                .iter()
                .all(|field| is_plain(&field.name) && is_plain_value(&field.value)) =>
        {
            out.push_str("\"k:{");
            for (i, KeyField { name, value }) in fields.iter().enumerate() {
                out.push_str(if i > 0 { ",\\\"" } else { "\\\"" });
                out.push_str(name);
                out.push_str("\\\":");
                write_plain_value(value, out);
            }
            out.push_str("}\":");
            return;
        }
        PathElement::Value(value) if is_plain_value(value) => {
            out.push_str("\"v:");
            write_plain_value(value, out);
            out.push_str("\":");
            return;
        }
        _ => {}
    }
    scratch.clear();
    element.write_name(scratch);
    push_json_string(out, scratch);
    out.push(':');
}

/// [`write_key`] of a list element whose one key is text.
pub(crate) fn write_text_key(key: &str, text: &str, scratch: &mut String, out: &mut String) {
    if is_plain(key) && is_plain_text(text) {
        for part in ["\"k:{\\\"", key, "\\\":\\\"", text, "\\\"}\":"] {
            out.push_str(part);
        }
        return;
    }
    let fields = vec![KeyField {
        name: SmolStr::new(key),
        value: text.into(),
    }];
    write_key(&PathElement::from_key_fields(fields), scratch, out);
}

/// [`write_key`] of a field.
pub(crate) fn write_field_key(name: &str, scratch: &mut String, out: &mut String) {
    if is_plain(name) {
        out.push_str("\"f:");
        out.push_str(name);
        out.push_str("\":");
        return;
    }
    scratch.clear();
    scratch.push_str("f:");
    scratch.push_str(name);
    push_json_string(out, scratch);
    out.push(':');
}

impl Set {
    /// Reads the set from its `FieldsV1` object; `null` is the empty set.
    ///
    /// # Errors
    /// If a name is malformed or something below is no object.
    pub fn from_value(value: &Value) -> Result<Self, FieldsError> {
        read(value).map(|(_, set)| set)
    }

    /// Reads the set from `FieldsV1` JSON text.
    ///
    /// # Errors
    /// If the text is no JSON, a name is malformed or something below is no object.
    pub fn from_json(text: &str) -> Result<Self, FieldsError> {
        text::read(text).or_else(|_| {
            let value = serde_json::from_str(text).map_err(|e| FieldsError::Json(e.to_string()))?;
            Self::from_value(&value)
        })
    }

    /// Whether a path of this set is in the one that the `FieldsV1` text stands for, or lies on the way to one of its
    /// paths; never wrongly no.
    pub(crate) fn is_touched_in(&self, text: &str) -> bool {
        text::touches(text, self)
            .unwrap_or_else(|_| Self::from_json(text).map_or(!self.is_empty(), |set| set.touches(self)))
    }

    /// Whether every path of this set is in the one that the `FieldsV1` text stands for.
    pub(crate) fn is_contained_in(&self, text: &str) -> bool {
        text::contains(text, self).unwrap_or_else(|_| Self::from_json(text).is_ok_and(|set| set.contains_all(self)))
    }

    /// Whether `judge` finds something in the set that the `FieldsV1` text stands for (see [`Judgement`]); `None` if that takes
    /// a closer look.
    pub(crate) fn finds_in<C: Copy>(
        text: &str,
        context: C,
        judge: &mut dyn FnMut(C, Option<&str>) -> Judgement<C>,
    ) -> Option<bool> {
        text::finds(text, context, judge).ok()
    }

    /// The `FieldsV1` object.
    #[must_use]
    pub fn to_value(&self) -> Value {
        Value::Object(self.members(false))
    }

    fn members(&self, include_self: bool) -> Map<String, Value> {
        let mut out = Map::new();
        if include_self && !self.is_empty() {
            out.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for node in self.nodes() {
            out.insert(node.element.name(), Value::Object(node.children.members(node.member)));
        }
        out
    }

    /// The `FieldsV1` JSON text in upstream's order: `.`, fields, keys, values, indices, each
    /// sorted by value and not by spelling (`80` before `443`).
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut out = String::with_capacity(2048);
        self.write_json(false, &mut String::new(), &mut out);
        out
    }

    pub(super) fn write_json(&self, include_self: bool, scratch: &mut String, out: &mut String) {
        out.push('{');
        let mut first = true;
        if include_self && !self.is_empty() {
            out.push_str("\".\":{}");
            first = false;
        }
        for node in self.nodes() {
            if !first {
                out.push(',');
            }
            first = false;
            write_key(&node.element, scratch, out);
            node.children.write_json(node.member, scratch, out);
        }
        out.push('}');
    }
}

/// Reads one level: whether the path to it is a member, and what is below.
fn read(value: &Value) -> Result<(bool, Set), FieldsError> {
    let map = match value {
        Value::Object(map) => map,
        Value::Null => return Ok((true, Set::new())),
        other => return Err(FieldsError::NotAnObject(other.to_string())),
    };
    let mut set = Set::new();
    let mut member = false;
    for (name, below) in map {
        if name == "." {
            member = true;
            continue;
        }
        let Some(element) = PathElement::parse(name)? else {
            continue;
        };
        let (child_member, children) = read(below)?;
        set.push(element, child_member, children);
    }
    Ok((member || set.is_empty(), set))
}
