//! Faults found while walking a value, with their paths.

use std::fmt;

/// One fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationError {
    /// Path of the value at fault (`.spec.ports`); empty for the root.
    pub path: String,
    /// What is wrong with it.
    pub message: String,
}

impl fmt::Display for ValidationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

/// All faults of a walk; at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationErrors(pub Vec<ValidationError>);

impl std::error::Error for ValidationErrors {}

impl fmt::Display for ValidationErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [only] = self.0.as_slice() {
            return only.fmt(f);
        }
        f.write_str("errors:")?;
        self.0.iter().try_for_each(|e| write!(f, "\n  {e}"))
    }
}

impl ValidationErrors {
    pub(super) fn one(message: impl Into<String>) -> Self {
        Self(vec![ValidationError {
            path: String::new(),
            message: message.into(),
        }])
    }

    /// Puts `prefix` before every path.
    pub(super) fn below(mut self, prefix: &impl fmt::Display) -> Self {
        let prefix = prefix.to_string();
        for error in &mut self.0 {
            error.path.insert_str(0, &prefix);
        }
        self
    }
}

/// Collects faults so that a walk goes on after the first one.
#[derive(Default)]
pub(super) struct Faults(Vec<ValidationError>);

impl Faults {
    pub(super) fn message(&mut self, message: impl Into<String>) {
        self.0.push(ValidationError {
            path: String::new(),
            message: message.into(),
        });
    }

    /// The value of `result`; its faults are kept.
    pub(super) fn keep<T>(&mut self, result: Result<T, ValidationErrors>) -> Option<T> {
        result.map_err(|e| self.0.extend(e.0)).ok()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn finish<T>(self, value: T) -> Result<T, ValidationErrors> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(ValidationErrors(self.0))
        }
    }
}
