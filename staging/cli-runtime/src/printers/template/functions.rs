//! The functions that templates have, and the values they work on.

use std::borrow::Cow;
use std::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::printf;
use crate::gotext::go_value;

/// A value: of the document, of the template, or none.
#[derive(Clone, Debug)]
pub(super) enum Data<'v> {
    /// A member that is not there.
    Missing,
    /// Of the document, whose numbers are floats, or a text, a float or a flag of the template.
    Json(Cow<'v, Value>),
    /// An integer of the template.
    Int(i64),
}

/// The member of an object.
pub(super) fn member<'v>(object: Cow<'v, Value>, name: &str) -> Option<Cow<'v, Value>> {
    match object {
        Cow::Borrowed(object) => object.get(name).map(Cow::Borrowed),
        Cow::Owned(mut object) => object.get_mut(name).map(|member| Cow::Owned(member.take())),
    }
}

impl<'v> Data<'v> {
    pub(super) fn of(value: impl Into<Value>) -> Self {
        Self::Json(Cow::Owned(value.into()))
    }

    fn json(&self) -> Option<&Value> {
        match self {
            Self::Json(value) if !value.is_null() => Some(value),
            _ => None,
        }
    }

    pub(super) fn is_true(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Int(value) => *value != 0,
            Self::Json(value) => match value.as_ref() {
                Value::Null => false,
                Value::Bool(flag) => *flag,
                Value::Number(number) => number.as_f64() != Some(0.0),
                Value::String(text) => !text.is_empty(),
                Value::Array(items) => !items.is_empty(),
                Value::Object(members) => !members.is_empty(),
            },
        }
    }

    /// As an action writes it.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Missing => "<no value>".to_owned(),
            Self::Int(value) => value.to_string(),
            Self::Json(value) if value.is_null() => "<no value>".to_owned(),
            Self::Json(value) => go_value(&as_floats(value)),
        }
    }

    /// Keys and elements to range over; `None` if it has none.
    pub(super) fn elements(&self) -> Option<Vec<(Data<'v>, Data<'v>)>> {
        let index = |index: usize| Data::Int(i64::try_from(index).unwrap_or(i64::MAX));
        match self {
            Self::Missing => Some(Vec::new()),
            Self::Int(count) => Some((0..*count).map(|at| (Data::Int(at), Data::Int(at))).collect()),
            Self::Json(Cow::Borrowed(value)) => match value {
                Value::Null => Some(Vec::new()),
                Value::Array(items) => {
                    let item = |(at, item): (usize, &'v Value)| (index(at), Data::Json(Cow::Borrowed(item)));
                    Some(items.iter().enumerate().map(item).collect())
                }
                Value::Object(members) => {
                    let member = |(key, value): (&'v String, &'v Value)| {
                        (Data::of(key.as_str()), Data::Json(Cow::Borrowed(value)))
                    };
                    Some(members.iter().map(member).collect())
                }
                _ => None,
            },
            Self::Json(Cow::Owned(value)) => match value {
                Value::Null => Some(Vec::new()),
                Value::Array(items) => Some(
                    items
                        .iter()
                        .enumerate()
                        .map(|(at, item)| (index(at), Data::of(item.clone())))
                        .collect(),
                ),
                Value::Object(members) => {
                    let member = |(key, value): (&String, &Value)| (Data::of(key.as_str()), Data::of(value.clone()));
                    Some(members.iter().map(member).collect())
                }
                _ => None,
            },
        }
    }

    pub(super) fn go_type(&self) -> &'static str {
        match self {
            Self::Missing => "<nil>",
            Self::Int(_) => "int",
            Self::Json(value) => match value.as_ref() {
                Value::Null => "<nil>",
                Value::Bool(_) => "bool",
                Value::Number(_) => "float64",
                Value::String(_) => "string",
                Value::Array(_) => "[]interface {}",
                Value::Object(_) => "map[string]interface {}",
            },
        }
    }

    fn position(&self) -> Result<usize, String> {
        match self {
            Self::Int(value) => usize::try_from(*value).map_err(|_| format!("index out of range: {value}")),
            Self::Json(value) if value.is_null() => Err("cannot index slice/array with nil".to_owned()),
            Self::Missing => Err("cannot index slice/array with nil".to_owned()),
            other => Err(format!("cannot index slice/array with type {}", other.go_type())),
        }
    }
}

/// The document's numbers as Go has them: floats all of them.
pub(super) fn as_floats(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Number(number) if !number.is_f64() => Cow::Owned(number.as_f64().into()),
        Value::Array(items) => Cow::Owned(items.iter().map(|item| as_floats(item).into_owned()).collect()),
        Value::Object(members) => Cow::Owned(Value::Object(
            members
                .iter()
                .map(|(key, value)| (key.clone(), as_floats(value).into_owned()))
                .collect(),
        )),
        other => Cow::Borrowed(other),
    }
}

/// Name, fewest and most arguments.
const FUNCTIONS: [(&str, usize, usize); 20] = [
    ("and", 1, usize::MAX),
    ("or", 1, usize::MAX),
    ("not", 1, 1),
    ("len", 1, 1),
    ("index", 1, usize::MAX),
    ("slice", 1, 4),
    ("print", 0, usize::MAX),
    ("println", 0, usize::MAX),
    ("printf", 1, usize::MAX),
    ("html", 0, usize::MAX),
    ("js", 0, usize::MAX),
    ("urlquery", 0, usize::MAX),
    ("eq", 1, usize::MAX),
    ("ne", 2, 2),
    ("lt", 2, 2),
    ("le", 2, 2),
    ("gt", 2, 2),
    ("ge", 2, 2),
    ("exists", 1, usize::MAX),
    ("base64decode", 1, 1),
];

/// Whether there is such a function.
pub(super) fn exists(name: &str) -> bool {
    FUNCTIONS.iter().any(|(known, ..)| *known == name)
}

/// Calls a function. The error is what stands behind the place.
pub(super) fn call<'v>(name: &str, arguments: &[Data<'v>]) -> Result<Data<'v>, String> {
    let (_, fewest, most) = FUNCTIONS
        .iter()
        .find(|(known, ..)| *known == name)
        .copied()
        .unwrap_or((name, 0, 0));
    let count = arguments.len();
    if count < fewest || count > most {
        let want = if most == usize::MAX {
            format!("at least {fewest}")
        } else {
            fewest.to_string()
        };
        return Err(format!("wrong number of args for {name}: want {want} got {count}"));
    }
    let wrapped = |error: String| format!("error calling {name}: {error}");
    match name {
        "not" => Ok(Data::of(!arguments[0].is_true())),
        "len" => length(&arguments[0]).map_err(wrapped),
        "index" => arguments[1..]
            .iter()
            .try_fold(arguments[0].clone(), index)
            .map_err(wrapped),
        "slice" => slice(&arguments[0], &arguments[1..]).map_err(wrapped),
        "print" => Ok(Data::of(printf::sprint(arguments))),
        "println" => {
            let words: Vec<_> = arguments.iter().map(printf::plain).collect();
            Ok(Data::of(words.join(" ") + "\n"))
        }
        "printf" => match arguments[0].json().and_then(Value::as_str) {
            Some(format) => Ok(Data::of(printf::sprintf(format, &arguments[1..]))),
            None => Err(format!(
                "wrong type for value; expected string; got {}",
                arguments[0].go_type()
            )),
        },
        "html" => Ok(Data::of(html(&joined(arguments)))),
        "js" => Ok(Data::of(js(&joined(arguments)))),
        "urlquery" => {
            let text = joined(arguments);
            Ok(Data::of(
                url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>(),
            ))
        }
        "eq" => equal(arguments).map(Data::of).map_err(wrapped),
        "ne" => equal(arguments).map(|equal| Data::of(!equal)).map_err(wrapped),
        "lt" | "le" | "gt" | "ge" => ordered(name, arguments).map(Data::of).map_err(wrapped),
        "exists" => Ok(Data::of(is_there(arguments))),
        "base64decode" => decode(&arguments[0]).map_err(wrapped),
        _ => Err(format!("function {name:?} not defined")),
    }
}

fn joined(arguments: &[Data<'_>]) -> String {
    match arguments {
        [one] => printf::plain(one),
        many => printf::sprint(many),
    }
}

fn length<'v>(value: &Data<'v>) -> Result<Data<'v>, String> {
    let length = match value.json() {
        Some(Value::String(text)) => text.len(),
        Some(Value::Array(items)) => items.len(),
        Some(Value::Object(members)) => members.len(),
        None if !matches!(value, Data::Int(_)) => return Err("len of nil pointer".to_owned()),
        _ => return Err(format!("len of type {}", value.go_type())),
    };
    Ok(Data::Int(i64::try_from(length).unwrap_or(i64::MAX)))
}

fn index<'v>(value: Data<'v>, key: &Data<'v>) -> Result<Data<'v>, String> {
    let Data::Json(json) = value else {
        return Err(match value {
            Data::Int(_) => "can't index item of type int".to_owned(),
            _ => "index of untyped nil".to_owned(),
        });
    };
    match (json, key) {
        (json, _) if json.is_null() => Err("index of nil pointer".to_owned()),
        (json, key) if json.is_object() => match key.json().and_then(Value::as_str) {
            Some(name) => Ok(member(json, name).map_or(Data::Missing, Data::Json)),
            None => Err(format!("value has type {}; should be string", key.go_type())),
        },
        (Cow::Borrowed(Value::Array(items)), key) => {
            let at = key.position()?;
            let item = items.get(at).ok_or_else(|| format!("index out of range: {at}"))?;
            Ok(Data::Json(Cow::Borrowed(item)))
        }
        (Cow::Owned(Value::Array(items)), key) => {
            let at = key.position()?;
            let item = items.get(at).ok_or_else(|| format!("index out of range: {at}"))?;
            Ok(Data::of(item.clone()))
        }
        (json, key) => match json.as_str() {
            Some(text) => {
                let at = key.position()?;
                let byte = text
                    .as_bytes()
                    .get(at)
                    .ok_or_else(|| format!("index out of range: {at}"))?;
                Ok(Data::Int(i64::from(*byte)))
            }
            None => Err(format!("can't index item of type {}", Data::Json(json).go_type())),
        },
    }
}

fn slice<'v>(value: &Data<'v>, bounds: &[Data<'v>]) -> Result<Data<'v>, String> {
    let bounds: Vec<usize> = bounds.iter().map(Data::position).collect::<Result<_, _>>()?;
    let cut = |length: usize| {
        let (first, last) = (
            bounds.first().copied().unwrap_or(0),
            bounds.get(1).copied().unwrap_or(length),
        );
        if last > length {
            Err(format!("index out of range: {last}"))
        } else if first > last {
            Err(format!("invalid slice index: {first} > {last}"))
        } else {
            Ok(first..last)
        }
    };
    match value.json() {
        Some(Value::String(text)) => {
            let range = cut(text.len())?;
            Ok(Data::of(String::from_utf8_lossy(&text.as_bytes()[range]).into_owned()))
        }
        Some(Value::Array(items)) => Ok(Data::of(items[cut(items.len())?].to_vec())),
        None if !matches!(value, Data::Int(_)) => Err("slice of untyped nil".to_owned()),
        _ => Err(format!("can't slice item of type {}", value.go_type())),
    }
}

fn equal(arguments: &[Data<'_>]) -> Result<bool, String> {
    let [first, others @ ..] = arguments else {
        return Err("missing argument for comparison".to_owned());
    };
    if others.is_empty() {
        return Err("missing argument for comparison".to_owned());
    }
    for other in others {
        let same = match (first.json(), other.json()) {
            (Some(Value::Object(_) | Value::Array(_)), _) | (_, Some(Value::Object(_) | Value::Array(_))) => {
                return Err(format!("non-comparable type {}: {}", first.go_type(), other.go_type()));
            }
            (None, None) if !matches!(first, Data::Int(_)) && !matches!(other, Data::Int(_)) => true,
            (None, _) if !matches!(first, Data::Int(_)) => false,
            (_, None) if !matches!(other, Data::Int(_)) => false,
            _ => compare(first, other)?.is_some_and(Ordering::is_eq),
        };
        if same {
            return Ok(true);
        }
    }
    Ok(false)
}

fn compare(left: &Data<'_>, right: &Data<'_>) -> Result<Option<Ordering>, String> {
    match (left, right) {
        (Data::Int(left), Data::Int(right)) => Ok(Some(left.cmp(right))),
        _ => match (left.json(), right.json()) {
            (Some(Value::String(left)), Some(Value::String(right))) => Ok(Some(left.cmp(right))),
            (Some(Value::Bool(left)), Some(Value::Bool(right))) => Ok(Some(left.cmp(right))),
            (Some(Value::Number(left)), Some(Value::Number(right))) => Ok(left.as_f64().partial_cmp(&right.as_f64())),
            _ => Err("incompatible types for comparison".to_owned()),
        },
    }
}

fn ordered(name: &str, arguments: &[Data<'_>]) -> Result<bool, String> {
    let basic = |data: &Data<'_>| match data {
        Data::Int(_) => true,
        other => matches!(other.json(), Some(Value::String(_) | Value::Number(_))),
    };
    if !arguments.iter().all(basic) {
        return Err("invalid type for comparison".to_owned());
    }
    let order = compare(&arguments[0], &arguments[1])?;
    Ok(order.is_some_and(|order| match name {
        "lt" => order.is_lt(),
        "le" => order.is_le(),
        "gt" => order.is_gt(),
        _ => order.is_ge(),
    }))
}

/// Whether `index` would find something.
fn is_there(arguments: &[Data<'_>]) -> bool {
    let found = arguments[1..].iter().try_fold(arguments[0].clone(), index);
    found.is_ok_and(|data| matches!(data, Data::Int(_)) || data.json().is_some())
}

fn decode<'v>(value: &Data<'v>) -> Result<Data<'v>, String> {
    let Some(text) = value.json().and_then(Value::as_str) else {
        return Err(format!(
            "wrong type for value; expected string; got {}",
            value.go_type()
        ));
    };
    let bytes = STANDARD.decode(text).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => text.len(),
        };
        format!("base64 decode failed: illegal base64 data at input byte {at}")
    })?;
    Ok(Data::of(String::from_utf8_lossy(&bytes).into_owned()))
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&#34;")
        .replace('\'', "&#39;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\0', "\u{fffd}")
}

fn js(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' | '\'' | '"' => out.extend(['\\', letter]),
            '<' | '>' | '&' | '=' => out.push_str(&format!("\\u{:04X}", u32::from(letter))),
            control if control < ' ' => out.push_str(&format!("\\u{:04X}", u32::from(control))),
            other => out.push(other),
        }
    }
    out
}
