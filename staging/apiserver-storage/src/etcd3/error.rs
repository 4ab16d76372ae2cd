//! What etcd's answers mean to the caller.
//!
//! etcd tells its errors apart by their text: one status code stands for several. The texts are etcd's stable API
//! (`api/v3rpc/rpctypes`).

use tonic::Code;

use crate::Error;

/// The part of an error that needs another look, because etcd does not say everything.
#[derive(Debug)]
pub(super) enum Failure {
    /// The revision asked for is compacted; to which one, etcd does not say.
    Compacted,
    /// The revision asked for has not happened.
    FutureRevision,
    /// The lease of a put has expired meanwhile.
    LeaseNotFound,
    /// The request was certainly not carried out, and can be repeated.
    NotDone(Error),
    /// Everything else.
    Other(Error),
}

impl Failure {
    pub(super) fn of(error: etcd_client::Error) -> Self {
        match error {
            etcd_client::Error::GRpcStatus(status) => Self::of_status(&status),
            etcd_client::Error::InvalidArgs(message) => Self::Other(Error::Invalid(message)),
            etcd_client::Error::TransportError(error) => Self::Other(Error::Unavailable(with_sources(&error))),
            error => Self::Other(Error::Unavailable(error.to_string())),
        }
    }

    fn of_status(status: &tonic::Status) -> Self {
        let message = status.message();
        let has = |text: &str| message.contains(text);
        match status.code() {
            Code::OutOfRange if has("has been compacted") => Self::Compacted,
            Code::OutOfRange if has("future revision") => Self::FutureRevision,
            Code::OutOfRange if has("larger than max") => Self::Other(Error::TooLarge { limit: None }),
            Code::InvalidArgument if has("request is too large") => Self::Other(Error::TooLarge { limit: None }),
            Code::InvalidArgument => Self::Other(Error::Invalid(message.to_owned())),
            Code::ResourceExhausted if has("database space exceeded") => {
                Self::Other(Error::NoSpace(message.to_owned()))
            }
            Code::ResourceExhausted if has("larger than max") => Self::Other(Error::TooLarge { limit: None }),
            Code::ResourceExhausted => Self::NotDone(Error::Unavailable(message.to_owned())),
            Code::NotFound if has("lease not found") => Self::LeaseNotFound,
            Code::Unavailable if has("no leader") => Self::NotDone(Error::Unavailable(message.to_owned())),
            Code::Unauthenticated | Code::PermissionDenied => Self::Other(Error::Denied(message.to_owned())),
            Code::DataLoss => Self::Other(Error::Corrupt(message.to_owned())),
            _ => {
                let source = std::error::Error::source(status).map(|source| format!(": {}", with_sources(source)));
                Self::Other(Error::Unavailable(format!("{message}{}", source.unwrap_or_default())))
            }
        }
    }

    /// The error where nothing more can be found out.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Compacted => Error::Compacted {
                requested: 0,
                compact_revision: 0,
            },
            Self::FutureRevision => Error::FutureRevision {
                requested: 0,
                current: 0,
            },
            Self::LeaseNotFound => Error::Unavailable("the lease expired before it was used".to_owned()),
            Self::NotDone(error) | Self::Other(error) => error,
        }
    }

    /// Whether repeating a read may help.
    pub(super) fn is_transient(&self) -> bool {
        matches!(self, Self::NotDone(_) | Self::Other(Error::Unavailable(_)))
    }
}

/// An error with what caused it: the transport's own text says only that it failed.
fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
