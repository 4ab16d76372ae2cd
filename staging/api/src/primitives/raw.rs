//! JSON of any shape inside typed objects (upstream: `runtime.RawExtension`, `apiextensions.JSON`,
//! `metav1.FieldsV1`).
//!
//! All are kept as compact JSON text: a dynamic value of the same content takes several times the
//! memory, and most of this is only ever passed on.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, value::RawValue};

/// JSON text without the white space between tokens; `None` if it has none.
fn compact(text: &str) -> Option<String> {
    // White space outside strings is rare enough to look for first.
    if !text.bytes().any(|b| matches!(b, b' ' | b'\n' | b'\r' | b'\t')) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    for c in text.chars() {
        if in_string {
            (in_string, escaped) = (escaped || c != '"', !escaped && c == '\\');
        } else if matches!(c, ' ' | '\n' | '\r' | '\t') {
            continue;
        } else {
            in_string = c == '"';
        }
        out.push(c);
    }
    Some(out)
}

fn normalize(json: Box<RawValue>) -> Box<str> {
    compact(json.get()).map_or_else(|| json.into(), String::into_boxed_str)
}

macro_rules! raw_json {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone)]
        pub struct $name(Box<str>);

        impl $name {
            /// The JSON text, without white space between tokens.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The JSON text as bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8] {
                self.0.as_bytes()
            }

            /// Whether it is `null`, which upstream takes for absent.
            #[must_use]
            pub fn is_null(&self) -> bool {
                self.as_str() == "null"
            }

            /// Takes JSON text that was parsed already.
            pub(crate) fn from_raw(json: Box<RawValue>) -> Self {
                Self(normalize(json))
            }

            /// Takes JSON text.
            ///
            /// # Errors
            /// If it is not one JSON value.
            pub fn from_json(json: impl Into<String>) -> Result<Self, serde_json::Error> {
                RawValue::from_string(json.into()).map(|json| Self(normalize(json)))
            }

            /// Takes JSON text that the program has written itself, without white space between tokens.
            #[must_use]
            pub fn from_own_json(json: String) -> Self {
                debug_assert!(serde_json::from_str::<&RawValue>(&json).is_ok(), "{json}");
                Self(json.into())
            }

            /// The dynamic form.
            ///
            /// # Errors
            /// If it is nested deeper than serde_json reads (128 levels).
            pub fn to_value(&self) -> Result<Value, serde_json::Error> {
                serde_json::from_str(self.as_str())
            }

            /// Decodes it as `T`.
            ///
            /// # Errors
            /// If it does not have the shape of a `T`.
            pub fn decode<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
                serde_json::from_str(self.as_str())
            }
        }

        impl From<&Value> for $name {
            fn from(value: &Value) -> Self {
                Self(value.to_string().into())
            }
        }

        impl From<Value> for $name {
            fn from(value: Value) -> Self {
                Self::from(&value)
            }
        }

        impl Default for $name {
            fn default() -> Self {
                Self("null".into())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, concat!(stringify!($name), "({})"), self.as_str())
            }
        }

        impl PartialEq for $name {
            /// Compares the compact text: members in another order make another value.
            fn eq(&self, other: &Self) -> bool {
                self.as_str() == other.as_str()
            }
        }

        impl Eq for $name {}

        impl std::hash::Hash for $name {
            fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
                self.as_str().hash(state);
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let json: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
                json.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Box::<RawValue>::deserialize(deserializer).map(|json| Self(normalize(json)))
            }
        }
    };
}

raw_json! {
    /// An object of a kind that the server need not know.
    RawExtension
}

raw_json! {
    /// Any JSON value (defaults, examples and enumerations in schemas).
    Json
}

raw_json! {
    /// The set of fields that one manager owns, in the notation of server-side apply.
    FieldsV1
}
