//! Errors of the API (upstream: `k8s.io/apimachinery/pkg/api/errors`).
//!
//! What a server answers and what a client gets to see is the same type: a [`Status`] that says
//! what went wrong, in words that clients know.

mod constructors;
mod response;
#[cfg(test)]
mod tests;

use std::fmt;

use k8s_api::meta::v1::{Status, StatusCause, StatusDetails};

pub use response::{ResponseError, from_response_body, generic_server_response};

/// A resource and its group, printed `pods` or `deployments.apps`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct GroupResource<'a> {
    /// The API group; empty for the core group.
    pub group: &'a str,
    /// The plural name; or the kind, where an error names that.
    pub resource: &'a str,
}

impl<'a> GroupResource<'a> {
    /// A resource of a group.
    #[must_use]
    pub const fn new(group: &'a str, resource: &'a str) -> Self {
        Self { group, resource }
    }

    /// Whether it names nothing.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.group.is_empty() && self.resource.is_empty()
    }
}

impl fmt::Display for GroupResource<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.resource)?;
        if self.group.is_empty() {
            Ok(())
        } else {
            write!(formatter, ".{}", self.group)
        }
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $code:expr;)*) => {
        /// Why a request failed, as a machine reads it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Reason {
            $($(#[$doc])* $name,)*
        }

        impl Reason {
            /// The reason on the wire.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }

            /// The HTTP status code that stands for this reason when no known one is given.
            fn code(self) -> Option<i32> {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            fn from_text(text: &str) -> Option<Self> {
                match text {
                    $($text => Some(Self::$name),)*
                    _ => None,
                }
            }
        }
    };
}

reasons! {
    /// Who are you?
    Unauthorized = "Unauthorized", Some(401);
    /// You may not.
    Forbidden = "Forbidden", Some(403);
    /// There is no such object or resource.
    NotFound = "NotFound", Some(404);
    /// There is one of that name.
    AlreadyExists = "AlreadyExists", None;
    /// Somebody else changed it.
    Conflict = "Conflict", Some(409);
    /// It was here and will not come back.
    Gone = "Gone", Some(410);
    /// The object fails validation.
    Invalid = "Invalid", Some(422);
    /// Try again.
    ServerTimeout = "ServerTimeout", None;
    /// What is stored cannot be read.
    StoreReadError = "StorageReadError", None;
    /// It took too long; it may still be done.
    Timeout = "Timeout", Some(504);
    /// Slow down.
    TooManyRequests = "TooManyRequests", Some(429);
    /// The request makes no sense.
    BadRequest = "BadRequest", Some(400);
    /// Not with this verb.
    MethodNotAllowed = "MethodNotAllowed", Some(405);
    /// None of the content types that you accept.
    NotAcceptable = "NotAcceptable", Some(406);
    /// The body is too large.
    RequestEntityTooLarge = "RequestEntityTooLarge", Some(413);
    /// Not in this content type.
    UnsupportedMediaType = "UnsupportedMediaType", Some(415);
    /// Our fault.
    InternalError = "InternalError", Some(500);
    /// That revision is history.
    Expired = "Expired", None;
    /// Not now.
    ServiceUnavailable = "ServiceUnavailable", Some(503);
}

/// An error as the API reports it. One word wide, so that results stay small.
#[derive(Clone, PartialEq)]
pub struct StatusError(Box<Status>);

/// The type of cause that says a response was none of the API's.
pub const UNEXPECTED_SERVER_RESPONSE: &str = "UnexpectedServerResponse";

impl StatusError {
    /// The status itself.
    #[must_use]
    pub fn status(&self) -> &Status {
        &self.0
    }

    /// The status itself, to be sent.
    #[must_use]
    pub fn into_status(self) -> Status {
        *self.0
    }

    /// The HTTP status code.
    #[must_use]
    pub fn code(&self) -> i32 {
        self.0.code
    }

    /// The reason, if it is a known one.
    #[must_use]
    pub fn reason(&self) -> Option<Reason> {
        Reason::from_text(&self.0.reason)
    }

    /// Whether the failure has this reason, by name or, without a known name, by its code.
    #[must_use]
    pub fn is(&self, reason: Reason) -> bool {
        match self.reason() {
            Some(known) if known == reason => true,
            // These two go by the code whatever the name, as ever.
            Some(_) if matches!(reason, Reason::TooManyRequests | Reason::RequestEntityTooLarge) => {
                reason.code() == Some(self.0.code)
            }
            Some(_) => false,
            None => reason.code() == Some(self.0.code),
        }
    }

    /// There is no such object or resource.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.is(Reason::NotFound)
    }

    /// There is one of that name.
    #[must_use]
    pub fn is_already_exists(&self) -> bool {
        self.is(Reason::AlreadyExists)
    }

    /// Somebody else changed it.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        self.is(Reason::Conflict)
    }

    /// The object fails validation.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        self.is(Reason::Invalid)
    }

    /// The request was not allowed.
    #[must_use]
    pub fn is_forbidden(&self) -> bool {
        self.is(Reason::Forbidden)
    }

    /// The client must say who it is.
    #[must_use]
    pub fn is_unauthorized(&self) -> bool {
        self.is(Reason::Unauthorized)
    }

    /// The revision is history: list again.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        self.is(Reason::Expired)
    }

    /// It was here and will not come back.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.is(Reason::Gone)
    }

    /// The request took too long; it may still be done.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        self.is(Reason::Timeout)
    }

    /// The server asks to try again.
    #[must_use]
    pub fn is_server_timeout(&self) -> bool {
        self.is(Reason::ServerTimeout)
    }

    /// The server asks to slow down.
    #[must_use]
    pub fn is_too_many_requests(&self) -> bool {
        self.is(Reason::TooManyRequests)
    }

    /// The server failed.
    #[must_use]
    pub fn is_internal_error(&self) -> bool {
        self.is(Reason::InternalError)
    }

    /// The response was none of the API's.
    #[must_use]
    pub fn is_unexpected_server_error(&self) -> bool {
        self.cause(UNEXPECTED_SERVER_RESPONSE).is_some()
    }

    /// The first cause of this type.
    #[must_use]
    pub fn cause(&self, reason: &str) -> Option<&StatusCause> {
        self.0
            .details
            .as_ref()?
            .causes
            .iter()
            .find(|cause| cause.reason == reason)
    }

    /// How many seconds the client is asked to wait, if it is.
    #[must_use]
    pub fn suggests_client_delay(&self) -> Option<i32> {
        let seconds = self.0.details.as_ref()?.retry_after_seconds;
        (self.is_server_timeout() || seconds > 0).then_some(seconds)
    }

    /// The same error with other details.
    #[must_use]
    pub fn map_details(mut self, change: impl FnOnce(&mut StatusDetails)) -> Self {
        change(self.0.details.get_or_insert_default());
        self
    }
}

impl From<Status> for StatusError {
    fn from(status: Status) -> Self {
        Self(Box::new(status))
    }
}

impl fmt::Debug for StatusError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "StatusError({} {}: {})",
            self.0.code, self.0.reason, self.0.message
        )
    }
}

impl fmt::Display for StatusError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0.message)
    }
}

impl std::error::Error for StatusError {}
