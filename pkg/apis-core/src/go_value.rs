//! Values as Go prints them in errors: members in the order of declaration, under the names of
//! upstream's internal structs, nothing omitted.
//!
//! Those structs carry no JSON names, so an error about a taint shows `{"Key":"k",…}` where the
//! API says `key`. The few types that errors show are spelled out beside their validation.

use std::borrow::Cow;

use apimachinery::field::BadValue;
use apis_pod::go_view::unified_diff;
use k8s_api::{Map, primitives::Quantity};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A JSON value that keeps the order of its members.
#[derive(Clone, Debug, PartialEq)]
pub enum GoValue {
    /// An absent pointer, list or map.
    Null,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(i64),
    /// A string.
    Text(String),
    /// A list.
    List(Vec<GoValue>),
    /// A struct or a map.
    Object(Vec<(Cow<'static, str>, GoValue)>),
}

impl GoValue {
    /// A struct with these members.
    #[must_use]
    pub fn object<const N: usize>(members: [(&'static str, GoValue); N]) -> Self {
        Self::Object(members.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }

    /// A list of structs; an empty one is `null`.
    pub fn list<T>(items: &[T], show: impl Fn(&T) -> Self) -> Self {
        if items.is_empty() {
            return Self::Null;
        }
        Self::List(items.iter().map(show).collect())
    }

    /// A pointer to a struct.
    pub fn pointer<T>(value: Option<&T>, show: impl Fn(&T) -> Self) -> Self {
        value.map_or(Self::Null, show)
    }

    /// On one line, for an error.
    #[must_use]
    pub fn bad_value(&self) -> BadValue {
        BadValue::json(self)
    }

    /// Over several lines, each level indented by one space.
    #[must_use]
    pub fn pretty(&self) -> String {
        let mut out = Vec::new();
        let formatter = serde_json::ser::PrettyFormatter::with_indent(b" ");
        let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
        self.serialize(&mut serializer)
            .expect("a value without foreign types encodes into memory");
        String::from_utf8(out)
            .expect("JSON is UTF-8")
            .replace('<', "\\u003c")
            .replace('>', "\\u003e")
            .replace('&', "\\u0026")
    }

    /// What changed from `self` to `new`, in the form that errors about immutable specs carry.
    #[must_use]
    pub fn diff(&self, new: &Self) -> String {
        unified_diff(&self.pretty(), &new.pretty())
    }
}

impl Serialize for GoValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Number(value) => serializer.serialize_i64(*value),
            Self::Text(value) => serializer.serialize_str(value),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(members) => {
                let mut map = serializer.serialize_map(Some(members.len()))?;
                for (name, value) in members {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl From<bool> for GoValue {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i32> for GoValue {
    fn from(value: i32) -> Self {
        Self::Number(value.into())
    }
}

impl From<i64> for GoValue {
    fn from(value: i64) -> Self {
        Self::Number(value)
    }
}

impl From<&str> for GoValue {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<&String> for GoValue {
    fn from(value: &String) -> Self {
        Self::Text(value.clone())
    }
}

impl From<&Quantity> for GoValue {
    fn from(value: &Quantity) -> Self {
        Self::Text(value.to_string())
    }
}

impl<'a, T> From<&'a Option<T>> for GoValue
where
    GoValue: From<&'a T>,
{
    fn from(value: &'a Option<T>) -> Self {
        value.as_ref().map_or(Self::Null, Into::into)
    }
}

impl From<&i64> for GoValue {
    fn from(value: &i64) -> Self {
        (*value).into()
    }
}

impl From<&i32> for GoValue {
    fn from(value: &i32) -> Self {
        (*value).into()
    }
}

impl From<&bool> for GoValue {
    fn from(value: &bool) -> Self {
        (*value).into()
    }
}

impl From<&Vec<String>> for GoValue {
    fn from(items: &Vec<String>) -> Self {
        Self::list(items, |item| item.into())
    }
}

impl<'a, V> From<&'a Map<V>> for GoValue
where
    GoValue: From<&'a V>,
{
    fn from(map: &'a Map<V>) -> Self {
        if map.is_empty() {
            return Self::Null;
        }
        Self::Object(
            map.iter()
                .map(|(key, value)| (key.clone().into(), value.into()))
                .collect(),
        )
    }
}

/// A string of a named type, which Go shows as JSON and not as `%q`.
pub(crate) fn named(text: &str) -> BadValue {
    BadValue::json(&text)
}

/// A list of strings.
pub(crate) fn strings(items: &[String]) -> BadValue {
    GoValue::list(items, |item| item.into()).bad_value()
}

/// A string behind a pointer.
pub(crate) fn optional(text: Option<&str>) -> BadValue {
    BadValue::json(&text)
}
