//! A flag that knows whether it was given.

use std::ops::Deref;

use component_base::flags::FlagValue;

/// A flag's value, and whether it stood on the command line: some flags exclude a configuration file even when they
/// name their default.
#[derive(Clone, Debug, Default)]
pub struct Tracked<T> {
    value: T,
    given: bool,
}

impl<T> Tracked<T> {
    /// A default.
    pub const fn new(value: T) -> Self {
        Self { value, given: false }
    }

    /// Whether the flag was given.
    pub const fn is_given(&self) -> bool {
        self.given
    }

    /// Sets the value as the command line would.
    pub fn give(&mut self, value: T) {
        *self = Self { value, given: true };
    }
}

impl<T> Deref for Tracked<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: FlagValue> FlagValue for Tracked<T> {
    fn set(&mut self, text: &str, first: bool) -> Result<(), String> {
        self.given = true;
        self.value.set(text, first)
    }

    fn to_text(&self) -> String {
        self.value.to_text()
    }

    fn type_name(&self) -> &'static str {
        self.value.type_name()
    }

    fn implied(&self) -> Option<&'static str> {
        self.value.implied()
    }
}
