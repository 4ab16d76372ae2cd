//! [`BuildError`]: why a kustomization cannot be built, in upstream's words.

/// Why a kustomization cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct BuildError {
    text: String,
    malformed: bool,
}

impl BuildError {
    /// With this text.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            malformed: false,
        }
    }

    /// A text that is no YAML.
    pub(crate) fn malformed(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            malformed: true,
        }
    }

    /// Whether some text is no YAML.
    pub(crate) fn is_malformed(&self) -> bool {
        self.malformed
    }

    /// The same behind what was being done: `doing: why`.
    pub(crate) fn context(mut self, doing: impl AsRef<str>) -> Self {
        self.text = format!("{}: {}", doing.as_ref(), self.text);
        self
    }

    /// The same with another text.
    pub(crate) fn with_text(mut self, text: String) -> Self {
        self.text = text;
        self
    }
}

/// A [`BuildError`], put together like `format!`.
macro_rules! refuse {
    ($($argument:tt)*) => {
        $crate::BuildError::new(format!($($argument)*))
    };
}
pub(crate) use refuse;
