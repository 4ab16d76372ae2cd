//! One step of a path through an object.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Value;
use smol_str::SmolStr;

use crate::apply::go;

/// A path from the root of an object.
pub type Path = Vec<PathElement>;

/// One step from a value to a part of it.
#[derive(Clone, Debug)]
pub enum PathElement {
    /// The member of an object.
    Field(SmolStr),
    /// The list element whose key fields have these values, sorted by name.
    Key(Box<[KeyField]>),
    /// The list element that equals this scalar.
    Value(Box<Value>),
    /// The list element at this position.
    Index(i64),
}

/// A key field of a list element, with its value.
#[derive(Clone, Debug)]
pub struct KeyField {
    /// JSON name of the field.
    pub name: SmolStr,
    /// Its value.
    pub value: Value,
}

impl PathElement {
    /// The member called `name`.
    #[must_use]
    pub fn field(name: &str) -> Self {
        Self::Field(SmolStr::new(name))
    }

    /// The list element with these key fields, in any order.
    #[must_use]
    pub fn key<N: AsRef<str>>(fields: impl IntoIterator<Item = (N, Value)>) -> Self {
        let fields = fields.into_iter().map(|(name, value)| KeyField {
            name: SmolStr::new(name),
            value,
        });
        Self::from_key_fields(fields.collect())
    }

    /// The list element with these key fields; sorts them by name.
    #[must_use]
    pub(crate) fn from_key_fields(mut fields: Vec<KeyField>) -> Self {
        if fields.len() > 1 {
            fields.sort_by(|a, b| a.name.cmp(&b.name));
        }
        Self::Key(fields.into_boxed_slice())
    }

    /// The list element that equals `value`.
    #[must_use]
    pub fn value(value: impl Into<Value>) -> Self {
        Self::Value(Box::new(value.into()))
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Field(_) => 0,
            Self::Key(_) => 1,
            Self::Value(_) => 2,
            Self::Index(_) => 3,
        }
    }
}

fn compare_keys(left: &[KeyField], right: &[KeyField]) -> Ordering {
    for (l, r) in left.iter().zip(right) {
        let order = l.name.cmp(&r.name).then_with(|| go::compare(&l.value, &r.value));
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len())
}

impl Ord for PathElement {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Field(l), Self::Field(r)) => l.as_str().cmp(r.as_str()),
            (Self::Key(l), Self::Key(r)) => compare_keys(l, r),
            (Self::Value(l), Self::Value(r)) => go::compare(l, r),
            (Self::Index(l), Self::Index(r)) => l.cmp(r),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for PathElement {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for PathElement {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for PathElement {}

impl From<&str> for PathElement {
    fn from(name: &str) -> Self {
        Self::field(name)
    }
}

/// A value inside brackets: text quoted, lists in brackets, objects as `key=value`.
fn write_value(f: &mut fmt::Formatter<'_>, value: &Value) -> fmt::Result {
    match value {
        Value::Null => f.write_str("null"),
        Value::Bool(b) => write!(f, "{b}"),
        Value::Number(n) => f.write_str(&go::number(n)),
        Value::String(s) => f.write_str(&go::quote(s)),
        Value::Array(items) => {
            f.write_str("[")?;
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    f.write_str(",")?;
                }
                write_value(f, item)?;
            }
            f.write_str("]")
        }
        Value::Object(map) => map.iter().try_for_each(|(key, item)| {
            write!(f, "{key}=")?;
            write_value(f, item)
        }),
    }
}

impl fmt::Display for PathElement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Key(fields) => {
                f.write_str("[")?;
                for (i, field) in fields.iter().enumerate() {
                    write!(f, "{}{}=", if i > 0 { "," } else { "" }, field.name)?;
                    write_value(f, &field.value)?;
                }
                f.write_str("]")
            }
            Self::Value(value) => {
                f.write_str("[=")?;
                write_value(f, value)?;
                f.write_str("]")
            }
            Self::Index(index) => write!(f, "[{index}]"),
        }
    }
}

/// The path as messages show it: `.spec.ports[port=80,protocol="TCP"].name`.
#[must_use]
pub fn display_path(path: &[PathElement]) -> String {
    path.iter().map(ToString::to_string).collect()
}
