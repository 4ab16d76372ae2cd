//! [`SyncError`]: why a reconcile has to be repeated.

use apimachinery::selectors::LabelSelectorError;

/// Why a reconcile has to be repeated.
#[derive(Clone, Debug, thiserror::Error)]
pub enum SyncError {
    /// A request failed.
    #[error(transparent)]
    Request(#[from] client_go::Error),
    /// A request failed, and this is what it was for.
    #[error("{context}: {source}")]
    Context {
        /// What was to be done.
        context: String,
        /// Why it was not.
        source: client_go::Error,
    },
    /// Several things went wrong.
    #[error("{}", controller_objects::aggregate(&.0.iter().map(ToString::to_string).collect::<Vec<_>>()))]
    Several(Vec<SyncError>),
    /// The object's selector is none.
    #[error(transparent)]
    Selector(#[from] LabelSelectorError),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl SyncError {
    /// Several errors as one; nothing if there are none.
    ///
    /// # Errors
    /// Those that there are.
    pub fn collect(mut errors: Vec<Self>) -> Result<(), Self> {
        match errors.len() {
            0 => Ok(()),
            1 => Err(errors.remove(0)),
            _ => Err(Self::Several(errors)),
        }
    }

    /// The request's error, if it was one.
    #[must_use]
    pub fn request(&self) -> Option<&client_go::Error> {
        match self {
            Self::Request(error) | Self::Context { source: error, .. } => Some(error),
            _ => None,
        }
    }

    /// Whether everything that went wrong is a request about a namespace on its way out, in which nothing can be made.
    #[must_use]
    pub fn is_namespace_terminating(&self) -> bool {
        match self {
            Self::Several(errors) => errors.iter().all(Self::is_namespace_terminating),
            other => other
                .request()
                .is_some_and(controller_objects::is_namespace_terminating),
        }
    }

    /// Whether the object is not there any more.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.request().is_some_and(client_go::Error::is_not_found)
    }
}
