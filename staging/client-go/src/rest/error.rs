//! Why a call to the API failed.

use apimachinery::status::StatusError;

use crate::transport::TransportError;

/// Why a call to the API failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Error {
    /// The server said no; [`StatusError`] says why.
    #[error(transparent)]
    Status(#[from] StatusError),
    /// The request got no response.
    #[error("{verb} {}: {source}", k8s_api::primitives::quote(url))]
    Request {
        /// `Get`, `Post`, …
        verb: String,
        /// The full URL.
        url: String,
        /// Why.
        source: TransportError,
    },
    /// The request took longer than it may.
    #[error(
        "{verb} {}: context deadline exceeded (Client.Timeout exceeded while awaiting headers)",
        k8s_api::primitives::quote(url)
    )]
    Timeout {
        /// `Get`, `Post`, …
        verb: String,
        /// The full URL.
        url: String,
    },
    /// The response broke off.
    #[error("unexpected error when reading response body. Please retry. Original error: {0}")]
    Body(TransportError),
    /// The response is not what was asked for.
    #[error("unable to decode the server's response: {0}")]
    Decode(String),
    /// The request cannot be sent as it is.
    #[error("{0}")]
    Invalid(String),
}

impl Error {
    /// What the server said, if it said anything.
    #[must_use]
    pub fn status(&self) -> Option<&StatusError> {
        match self {
            Self::Status(status) => Some(status),
            _ => None,
        }
    }

    /// Nobody listens at the server's address.
    #[must_use]
    pub fn is_connection_refused(&self) -> bool {
        matches!(self, Self::Request { source, .. } if source.is_connection_refused())
    }

    /// Whether the server may have carried the request out though nobody was told.
    #[must_use]
    pub fn is_outcome_unknown(&self) -> bool {
        match self {
            Self::Status(status) => status.is_timeout() || status.is_server_timeout() || status.is_internal_error(),
            Self::Request { source, .. } => source.is_connection_lost(),
            Self::Timeout { .. } | Self::Body(_) | Self::Decode(_) => true,
            Self::Invalid(_) => false,
        }
    }
}

macro_rules! asks_status {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        impl Error {$(
            $(#[$doc])*
            #[must_use]
            pub fn $name(&self) -> bool {
                self.status().is_some_and(StatusError::$name)
            }
        )*}
    };
}

asks_status! {
    /// There is no such object or resource.
    is_not_found;
    /// There is one of that name.
    is_already_exists;
    /// Somebody else changed it.
    is_conflict;
    /// The object fails validation.
    is_invalid;
    /// The request was not allowed.
    is_forbidden;
    /// The client must say who it is.
    is_unauthorized;
    /// The revision is history: list again.
    is_expired;
    /// It was here and will not come back.
    is_gone;
    /// The request took too long; it may still be done.
    is_timeout;
    /// The server asks to try again.
    is_server_timeout;
    /// The server asks to slow down.
    is_too_many_requests;
    /// The server failed.
    is_internal_error;
    /// The response was none of the API's.
    is_unexpected_server_error;
}
