//! What is wrong with a field.

use std::{collections::HashSet, fmt};

use k8s_api::{meta::v1::StatusCause, primitives::quote};
use serde::Serialize;

use super::Path;

/// What kind of error it is; clients see it as the reason of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorType {
    /// Something that was referred to does not exist.
    NotFound,
    /// Nothing was given.
    Required,
    /// The value may stand only once.
    Duplicate,
    /// The value is malformed or out of bounds.
    Invalid,
    /// The value is none of those that are allowed.
    NotSupported,
    /// The value is well-formed, but not allowed here and now.
    Forbidden,
    /// The text is too long.
    TooLong,
    /// The text is too short.
    TooShort,
    /// The list is too long.
    TooMany,
    /// The list is too short.
    TooFew,
    /// The value has the wrong type.
    TypeInvalid,
    /// It is not the value's fault.
    Internal,
}

impl ErrorType {
    /// The name in a status cause.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::NotFound => "FieldValueNotFound",
            Self::Required => "FieldValueRequired",
            Self::Duplicate => "FieldValueDuplicate",
            Self::Invalid => "FieldValueInvalid",
            Self::NotSupported => "FieldValueNotSupported",
            Self::Forbidden => "FieldValueForbidden",
            Self::TooLong => "FieldValueTooLong",
            Self::TooShort => "FieldValueTooShort",
            Self::TooMany => "FieldValueTooMany",
            Self::TooFew => "FieldValueTooFew",
            Self::TypeInvalid => "FieldValueTypeInvalid",
            Self::Internal => "InternalError",
        }
    }

    fn shows_value(self) -> bool {
        !matches!(
            self,
            Self::Required | Self::Forbidden | Self::TooLong | Self::TooShort | Self::Internal
        )
    }
}

impl fmt::Display for ErrorType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NotFound => "Not found",
            Self::Required => "Required value",
            Self::Duplicate => "Duplicate value",
            Self::Invalid | Self::TypeInvalid => "Invalid value",
            Self::NotSupported => "Unsupported value",
            Self::Forbidden => "Forbidden",
            Self::TooLong => "Too long",
            Self::TooShort => "Too short",
            Self::TooMany => "Too many",
            Self::TooFew => "Too few",
            Self::Internal => "Internal error",
        })
    }
}

/// The value that an error is about, as it is printed: strings quoted, numbers and booleans plain,
/// everything else as JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadValue(Option<String>);

impl BadValue {
    /// No value is printed.
    pub const OMITTED: Self = Self(None);

    /// A composite value, printed as Go encodes it (`<`, `>` and `&` escaped).
    #[must_use]
    pub fn json(value: &impl Serialize) -> Self {
        let text = serde_json::to_string(value).unwrap_or_else(|error| error.to_string());
        Self(Some(
            text.replace('<', "\\u003c")
                .replace('>', "\\u003e")
                .replace('&', "\\u0026"),
        ))
    }

    /// A value that is printed just so.
    #[must_use]
    pub fn plain(value: impl fmt::Display) -> Self {
        Self(Some(value.to_string()))
    }
}

impl From<&str> for BadValue {
    fn from(value: &str) -> Self {
        Self(Some(quote(value)))
    }
}

impl From<&String> for BadValue {
    fn from(value: &String) -> Self {
        value.as_str().into()
    }
}

impl From<String> for BadValue {
    fn from(value: String) -> Self {
        value.as_str().into()
    }
}

macro_rules! plain_values {
    ($($ty:ty),*) => {
        $(impl From<$ty> for BadValue {
            fn from(value: $ty) -> Self {
                Self::plain(value)
            }
        })*
    };
}

plain_values!(bool, i32, i64, u16, u32, u64, usize);

impl From<f64> for BadValue {
    /// As Go's `%v`: shortest digits, exponent form below 1e-4 and from 1e21.
    fn from(value: f64) -> Self {
        let magnitude = value.abs();
        if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
            let text = format!("{value:e}");
            let (mantissa, exponent) = text.split_once('e').expect("the format has an exponent");
            let (sign, digits) = exponent
                .strip_prefix('-')
                .map_or(('+', exponent), |digits| ('-', digits));
            return Self::plain(format_args!("{mantissa}e{sign}{digits:0>2}"));
        }
        Self::plain(value)
    }
}

impl From<&serde_json::Value> for BadValue {
    fn from(value: &serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => text.into(),
            other => Self::json(other),
        }
    }
}

/// One error about one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// The kind of error.
    pub kind: ErrorType,
    /// The path of the field.
    pub field: String,
    /// The value.
    pub value: BadValue,
    /// What is wrong with it; may be empty.
    pub detail: String,
}

/// `1 byte`, `2 bytes`.
fn count(number: usize, unit: &str) -> String {
    if number == 1 {
        format!("{number} {unit}")
    } else {
        format!("{number} {unit}s")
    }
}

impl Error {
    fn new(kind: ErrorType, path: &Path<'_>, value: BadValue, detail: String) -> Self {
        Self {
            kind,
            field: path.to_string(),
            value,
            detail,
        }
    }

    /// A malformed value.
    #[must_use]
    pub fn invalid(path: &Path<'_>, value: impl Into<BadValue>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Invalid, path, value.into(), detail.into())
    }

    /// A value of the wrong type.
    #[must_use]
    pub fn type_invalid(path: &Path<'_>, value: impl Into<BadValue>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::TypeInvalid, path, value.into(), detail.into())
    }

    /// A reference into nothing.
    #[must_use]
    pub fn not_found(path: &Path<'_>, value: impl Into<BadValue>) -> Self {
        Self::new(ErrorType::NotFound, path, value.into(), String::new())
    }

    /// A missing value.
    #[must_use]
    pub fn required(path: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Required, path, BadValue::OMITTED, detail.into())
    }

    /// A repeated value.
    #[must_use]
    pub fn duplicate(path: &Path<'_>, value: impl Into<BadValue>) -> Self {
        Self::new(ErrorType::Duplicate, path, value.into(), String::new())
    }

    /// A value that is none of `supported`, which are listed in their order.
    #[must_use]
    pub fn not_supported<S: AsRef<str>>(path: &Path<'_>, value: impl Into<BadValue>, supported: &[S]) -> Self {
        let detail = if supported.is_empty() {
            String::new()
        } else {
            let quoted: Vec<_> = supported.iter().map(|v| quote(v.as_ref())).collect();
            format!("supported values: {}", quoted.join(", "))
        };
        Self::new(ErrorType::NotSupported, path, value.into(), detail)
    }

    /// A value that is not allowed here.
    #[must_use]
    pub fn forbidden(path: &Path<'_>, detail: impl Into<String>) -> Self {
        Self::new(ErrorType::Forbidden, path, BadValue::OMITTED, detail.into())
    }

    /// A text of more than `most` bytes.
    #[must_use]
    pub fn too_long(path: &Path<'_>, most: usize) -> Self {
        let detail = format!("may not be more than {}", count(most, "byte"));
        Self::new(ErrorType::TooLong, path, BadValue::OMITTED, detail)
    }

    /// A text of more than `most` characters.
    #[must_use]
    pub fn too_long_characters(path: &Path<'_>, most: usize) -> Self {
        let detail = format!("may not be more than {}", count(most, "character"));
        Self::new(ErrorType::TooLong, path, BadValue::OMITTED, detail)
    }

    /// A text of less than `least` characters.
    #[must_use]
    pub fn too_short(path: &Path<'_>, least: usize) -> Self {
        let detail = format!("must be at least {}", count(least, "character"));
        Self::new(ErrorType::TooShort, path, BadValue::OMITTED, detail)
    }

    /// A list of `actual` items where `most` are allowed.
    #[must_use]
    pub fn too_many(path: &Path<'_>, actual: usize, most: usize) -> Self {
        let detail = format!("must have at most {}", count(most, "item"));
        Self::new(ErrorType::TooMany, path, actual.into(), detail)
    }

    /// A list of `actual` items where at least `least` are needed.
    #[must_use]
    pub fn too_few(path: &Path<'_>, actual: usize, least: usize) -> Self {
        let detail = format!("must have at least {}", count(least, "item"));
        Self::new(ErrorType::TooFew, path, actual.into(), detail)
    }

    /// A failure that is not the value's fault.
    #[must_use]
    pub fn internal(path: &Path<'_>, error: impl fmt::Display) -> Self {
        Self::new(ErrorType::Internal, path, BadValue::OMITTED, error.to_string())
    }

    /// The text without the field's path.
    #[must_use]
    pub fn body(&self) -> String {
        let mut body = self.kind.to_string();
        if self.kind.shows_value()
            && let Some(value) = &self.value.0
        {
            body.push_str(": ");
            body.push_str(value);
        }
        if !self.detail.is_empty() {
            body.push_str(": ");
            body.push_str(&self.detail);
        }
        body
    }
}

impl fmt::Display for Error {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.field, self.body())
    }
}

impl std::error::Error for Error {}

impl From<&Error> for StatusCause {
    fn from(error: &Error) -> Self {
        Self {
            reason: error.kind.reason().into(),
            message: error.body(),
            field: error.field.clone(),
        }
    }
}

/// Errors in the order in which they were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorList(Vec<Error>);

impl ErrorList {
    /// No errors.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds an error.
    pub fn push(&mut self, error: Error) {
        self.0.push(error);
    }

    /// Adds the errors of another list.
    pub fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    /// Adds one error for each message about the same value.
    pub fn invalid_each<M: Into<String>>(
        &mut self,
        path: &Path<'_>,
        value: &str,
        messages: impl IntoIterator<Item = M>,
    ) {
        self.0
            .extend(messages.into_iter().map(|message| Error::invalid(path, value, message)));
    }

    /// `Ok` if there are no errors.
    ///
    /// # Errors
    /// The list itself, if there are.
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl std::ops::Deref for ErrorList {
    type Target = [Error];

    fn deref(&self) -> &[Error] {
        &self.0
    }
}

impl fmt::Display for ErrorList {
    /// One error as it is; several, without repetitions, in brackets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut seen = HashSet::new();
        let mut texts: Vec<_> = self.0.iter().map(Error::to_string).collect();
        texts.retain(|text| seen.insert(text.clone()));
        match texts.as_slice() {
            [] => Ok(()),
            [only] => formatter.write_str(only),
            several => write!(formatter, "[{}]", several.join(", ")),
        }
    }
}

impl std::error::Error for ErrorList {}

impl From<Error> for ErrorList {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl FromIterator<Error> for ErrorList {
    fn from_iter<I: IntoIterator<Item = Error>>(errors: I) -> Self {
        Self(errors.into_iter().collect())
    }
}

impl Extend<Error> for ErrorList {
    fn extend<I: IntoIterator<Item = Error>>(&mut self, errors: I) {
        self.0.extend(errors);
    }
}

impl IntoIterator for ErrorList {
    type Item = Error;
    type IntoIter = std::vec::IntoIter<Error>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
