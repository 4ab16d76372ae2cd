//! What stands between a connection and the endpoints of kube-apiserver, put together from its flags
//! (upstream: `pkg/kubeapiserver`).
//!
//! The mechanisms are libraries of their own (`apiserver-auth`, `auth-rbac`, `auth-node`); here are the flags, the files
//! they name, the look-ups in the server's own caches, and the remote services.
//!
//! **Invariant:** what a flag names is read and checked before the server listens.

pub mod audit;
pub mod authentication;
pub mod authorization;
pub mod flowcontrol;
pub mod rbac_policy;
mod remote;
mod stored;
mod tracked;

pub use stored::{StoredObjects, store_of};
pub use tracked::Tracked;

/// What is wrong with the flags, or with a file that they name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OptionError(pub String);

impl OptionError {
    /// An error with this text.
    pub(crate) fn new(text: impl std::fmt::Display) -> Self {
        Self(text.to_string())
    }
}

/// The errors as one; nothing if there are none.
pub(crate) fn aggregate(errors: Vec<String>) -> Result<(), OptionError> {
    match errors.as_slice() {
        [] => Ok(()),
        [only] => Err(OptionError::new(only)),
        several => Err(OptionError(format!("[{}]", several.join(", ")))),
    }
}
