//! Selectors of fields: `metadata.name=x,spec.nodeName!=y`.
//!
//! Backslash, comma and equals sign in a value are escaped with a backslash.

use std::{borrow::Cow, fmt, str::FromStr};

/// Why a field selector is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldSelectorError {
    /// A term without an operator.
    #[error("invalid selector: '{selector}'; can't understand '{term}'")]
    Term {
        /// The whole text.
        selector: String,
        /// The term.
        term: String,
    },
    /// A backslash before a character that needs none, or at the end.
    #[error("invalid field selector: invalid escape sequence: {0}")]
    Escape(String),
    /// A comma or equals sign without a backslash; its number is named, as upstream does.
    #[error("invalid field selector: unescaped character in value: {}", u32::from(*.0))]
    Unescaped(char),
    /// What a transformation says.
    #[error("{0}")]
    Transform(String),
}

/// A condition on one field.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldRequirement {
    /// The path of the field.
    pub field: String,
    /// What it is compared with.
    pub value: String,
    /// Whether it must not be equal.
    pub negated: bool,
}

impl fmt::Display for FieldRequirement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operator = if self.negated { "!=" } else { "=" };
        write!(formatter, "{}{operator}{}", self.field, escape_value(&self.value))
    }
}

/// A conjunction of requirements; without any it matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct FieldSelector(Vec<FieldRequirement>);

/// Escapes a value.
#[must_use]
pub fn escape_value(value: &str) -> Cow<'_, str> {
    if !value.contains(['\\', ',', '=']) {
        return value.into();
    }
    let mut escaped = String::with_capacity(value.len() + 2);
    for c in value.chars() {
        if matches!(c, '\\' | ',' | '=') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped.into()
}

/// Takes the escapes out of a value.
///
/// # Errors
/// If an escape is not one of the three, or a comma or equals sign has none.
pub fn unescape_value(text: &str) -> Result<Cow<'_, str>, FieldSelectorError> {
    if !text.contains(['\\', ',', '=']) {
        return Ok(text.into());
    }
    let mut value = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some(escaped @ ('\\' | ',' | '=')) => value.push(escaped),
                Some(other) => return Err(FieldSelectorError::Escape(format!("\\{other}"))),
                None => return Err(FieldSelectorError::Escape("\\".into())),
            },
            ',' | '=' => return Err(FieldSelectorError::Unescaped(c)),
            c => value.push(c),
        }
    }
    Ok(value.into())
}

/// The terms between commas that are not escaped.
fn terms(text: &str) -> Vec<&str> {
    let (mut start, mut escaped) = (0, false);
    let mut terms = Vec::new();
    for (i, byte) in text.bytes().enumerate() {
        if byte == b',' && !escaped {
            terms.push(&text[start..i]);
            start = i + 1;
        }
        escaped = byte == b'\\' && !escaped;
    }
    terms.push(&text[start..]);
    terms
}

/// Field, whether negated, and the value as it stands.
fn split(term: &str) -> Option<(&str, bool, &str)> {
    term.char_indices().find_map(|(i, _)| {
        let rest = &term[i..];
        let (negated, value) = match rest.strip_prefix("!=") {
            Some(value) => (true, value),
            None => (false, rest.strip_prefix("==").or_else(|| rest.strip_prefix('='))?),
        };
        Some((&term[..i], negated, value))
    })
}

impl FieldSelector {
    /// Matches every object.
    pub const EVERYTHING: Self = Self(Vec::new());

    /// Requires one field to have one value.
    #[must_use]
    pub fn equals(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self(vec![FieldRequirement {
            field: field.into(),
            value: value.into(),
            negated: false,
        }])
    }

    /// Requires one field not to have one value.
    #[must_use]
    pub fn not_equals(field: impl Into<String>, value: impl Into<String>) -> Self {
        Self(vec![FieldRequirement {
            field: field.into(),
            value: value.into(),
            negated: true,
        }])
    }

    /// What both require.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Whether `get`, which returns the empty string for what it does not know, fulfils every requirement.
    #[must_use]
    pub fn matches<'a>(&self, get: impl Fn(&str) -> &'a str) -> bool {
        self.0.iter().all(|r| (get(&r.field) == r.value) != r.negated)
    }

    /// Whether it matches everything.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// The requirements.
    #[must_use]
    pub fn requirements(&self) -> &[FieldRequirement] {
        &self.0
    }

    /// The value that `field` must have, if there is one.
    #[must_use]
    pub fn exact_match(&self, field: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|r| !r.negated && r.field == field)
            .map(|r| r.value.as_str())
    }

    /// Puts other fields and values in place of these; a requirement whose field and value both
    /// become empty is dropped.
    ///
    /// # Errors
    /// Whatever `replace` says of a field that it does not allow.
    pub fn transform(
        self,
        mut replace: impl FnMut(&str, &str) -> Result<(String, String), FieldSelectorError>,
    ) -> Result<Self, FieldSelectorError> {
        let mut requirements = Vec::with_capacity(self.0.len());
        for requirement in self.0 {
            let (field, value) = replace(&requirement.field, &requirement.value)?;
            if !field.is_empty() || !value.is_empty() {
                requirements.push(FieldRequirement {
                    field,
                    value,
                    negated: requirement.negated,
                });
            }
        }
        Ok(Self(requirements))
    }
}

impl FromStr for FieldSelector {
    type Err = FieldSelectorError;

    /// The requirements are sorted as text. Empty terms are passed over.
    fn from_str(text: &str) -> Result<Self, FieldSelectorError> {
        let mut terms = terms(text);
        terms.sort_unstable();
        let mut requirements = Vec::with_capacity(terms.len());
        for term in terms.into_iter().filter(|t| !t.is_empty()) {
            let (field, negated, value) = split(term).ok_or_else(|| FieldSelectorError::Term {
                selector: text.into(),
                term: term.into(),
            })?;
            let value = unescape_value(value)?.into_owned();
            requirements.push(FieldRequirement {
                field: field.into(),
                value,
                negated,
            });
        }
        Ok(Self(requirements))
    }
}

impl fmt::Display for FieldSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, requirement) in self.0.iter().enumerate() {
            if i > 0 {
                formatter.write_str(",")?;
            }
            requirement.fmt(formatter)?;
        }
        Ok(())
    }
}
