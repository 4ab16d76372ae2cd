//! The errors that servers make.

use std::fmt;

use k8s_api::{
    meta::v1::{Status, StatusCause, StatusDetails},
    primitives::quote,
};

use super::{GroupResource, Reason, StatusError};
use crate::field::ErrorList;

fn failure(code: i32, reason: Reason, message: impl Into<String>, details: Option<StatusDetails>) -> StatusError {
    StatusError::from(Status {
        status: "Failure".into(),
        code,
        reason: reason.as_str().into(),
        message: message.into(),
        details: details.map(Box::new),
        ..Status::default()
    })
}

fn details(resource: GroupResource<'_>, name: &str) -> StatusDetails {
    StatusDetails {
        group: resource.group.into(),
        kind: resource.resource.into(),
        name: name.into(),
        ..StatusDetails::default()
    }
}

fn retry(seconds: i32) -> Option<StatusDetails> {
    Some(StatusDetails {
        retry_after_seconds: seconds,
        ..StatusDetails::default()
    })
}

/// Constructors, named as upstream's.
impl StatusError {
    /// 404: there is no such object.
    #[must_use]
    pub fn not_found(resource: GroupResource<'_>, name: &str) -> Self {
        let message = format!("{resource} {} not found", quote(name));
        failure(404, Reason::NotFound, message, Some(details(resource, name)))
    }

    /// 404: there is no such path or resource.
    #[must_use]
    pub fn resource_not_found() -> Self {
        failure(
            404,
            Reason::NotFound,
            "the server could not find the requested resource",
            Some(StatusDetails::default()),
        )
    }

    /// 409: there is one of that name.
    #[must_use]
    pub fn already_exists(resource: GroupResource<'_>, name: &str) -> Self {
        let message = format!("{resource} {} already exists", quote(name));
        failure(409, Reason::AlreadyExists, message, Some(details(resource, name)))
    }

    /// 409: no free name was found for `generateName`.
    #[must_use]
    pub fn generate_name_conflict(resource: GroupResource<'_>, name: &str, retry_after_seconds: i32) -> Self {
        let name_shown = quote(name);
        let message = format!(
            "{resource} {name_shown} already exists, the server was not able to generate a unique name for the object"
        );
        let details = StatusDetails {
            retry_after_seconds,
            ..details(resource, name)
        };
        failure(409, Reason::AlreadyExists, message, Some(details))
    }

    /// 401: the client must say who it is. An empty reason becomes `not authorized`.
    #[must_use]
    pub fn unauthorized(reason: &str) -> Self {
        let message = if reason.is_empty() { "not authorized" } else { reason };
        failure(401, Reason::Unauthorized, message, None)
    }

    /// 403: the client may not.
    #[must_use]
    pub fn forbidden(resource: GroupResource<'_>, name: &str, error: impl fmt::Display) -> Self {
        let message = if resource.is_empty() {
            format!("forbidden: {error}")
        } else if name.is_empty() {
            format!("{resource} is forbidden: {error}")
        } else {
            format!("{resource} {} is forbidden: {error}", quote(name))
        };
        failure(403, Reason::Forbidden, message, Some(details(resource, name)))
    }

    /// 409: the object is not what the client thinks it is.
    #[must_use]
    pub fn conflict(resource: GroupResource<'_>, name: &str, error: impl fmt::Display) -> Self {
        let message = format!("Operation cannot be fulfilled on {resource} {}: {error}", quote(name));
        failure(409, Reason::Conflict, message, Some(details(resource, name)))
    }

    /// 409: other appliers own some of the fields.
    #[must_use]
    pub fn apply_conflict(causes: Vec<StatusCause>, message: impl Into<String>) -> Self {
        failure(
            409,
            Reason::Conflict,
            message,
            Some(StatusDetails {
                causes,
                ..StatusDetails::default()
            }),
        )
    }

    /// 410: it was here and will not come back.
    #[must_use]
    pub fn gone(message: impl Into<String>) -> Self {
        failure(410, Reason::Gone, message, None)
    }

    /// 410: the revision is history.
    #[must_use]
    pub fn resource_expired(message: impl Into<String>) -> Self {
        failure(410, Reason::Expired, message, None)
    }

    /// 422: the object fails validation.
    #[must_use]
    pub fn invalid(kind: GroupResource<'_>, name: &str, errors: &ErrorList) -> Self {
        let mut message = format!("{kind} {} is invalid", quote(name));
        if !errors.is_empty() {
            message.push_str(&format!(": {errors}"));
        }
        let causes = errors.iter().map(StatusCause::from).collect();
        failure(
            422,
            Reason::Invalid,
            message,
            Some(StatusDetails {
                causes,
                ..details(kind, name)
            }),
        )
    }

    /// 400: the request makes no sense.
    #[must_use]
    pub fn bad_request(reason: impl Into<String>) -> Self {
        failure(400, Reason::BadRequest, reason, None)
    }

    /// 429: the client must slow down, and is told for how long.
    #[must_use]
    pub fn too_many_requests(message: impl Into<String>, retry_after_seconds: i32) -> Self {
        failure(429, Reason::TooManyRequests, message, retry(retry_after_seconds))
    }

    /// 429: the server has too much to do.
    #[must_use]
    pub fn too_many_requests_error(message: impl fmt::Display) -> Self {
        failure(
            429,
            Reason::TooManyRequests,
            format!("Too many requests: {message}"),
            None,
        )
    }

    /// 503: not now.
    #[must_use]
    pub fn service_unavailable(reason: impl Into<String>) -> Self {
        failure(503, Reason::ServiceUnavailable, reason, None)
    }

    /// 405: not with this verb.
    #[must_use]
    pub fn method_not_supported(resource: GroupResource<'_>, action: &str) -> Self {
        let message = format!(
            "{action} is not supported on resources of kind {}",
            quote(&resource.to_string())
        );
        failure(405, Reason::MethodNotAllowed, message, Some(details(resource, "")))
    }

    /// 406: none of `accepted` is what the client accepts.
    #[must_use]
    pub fn not_acceptable<S: AsRef<str>>(accepted: &[S]) -> Self {
        Self::not_acceptable_because(format!(
            "only the following media types are accepted: {}",
            join(accepted)
        ))
    }

    /// 406: what the client accepts cannot be made of the answer.
    #[must_use]
    pub fn not_acceptable_because(message: impl Into<String>) -> Self {
        failure(406, Reason::NotAcceptable, message, None)
    }

    /// 415: the body is in none of the `accepted` content types.
    #[must_use]
    pub fn unsupported_media_type<S: AsRef<str>>(accepted: &[S]) -> Self {
        let message = format!(
            "the body of the request was in an unknown format - accepted media types include: {}",
            join(accepted)
        );
        failure(415, Reason::UnsupportedMediaType, message, None)
    }

    /// 500: try again.
    #[must_use]
    pub fn server_timeout(resource: GroupResource<'_>, operation: &str, retry_after_seconds: i32) -> Self {
        let message = format!(
            "The {operation} operation against {resource} could not be completed at this time, please try again."
        );
        let details = StatusDetails {
            retry_after_seconds,
            ..details(resource, operation)
        };
        failure(500, Reason::ServerTimeout, message, Some(details))
    }

    /// 500: our fault.
    #[must_use]
    pub fn internal_error(error: impl fmt::Display) -> Self {
        let error = error.to_string();
        let message = format!("Internal error occurred: {error}");
        let causes = vec![StatusCause {
            message: error,
            ..StatusCause::default()
        }];
        failure(
            500,
            Reason::InternalError,
            message,
            Some(StatusDetails {
                causes,
                ..StatusDetails::default()
            }),
        )
    }

    /// 504: it took too long; it may still be done.
    #[must_use]
    pub fn timeout(message: impl fmt::Display, retry_after_seconds: i32) -> Self {
        failure(
            504,
            Reason::Timeout,
            format!("Timeout: {message}"),
            retry(retry_after_seconds),
        )
    }

    /// 413: the body is too large.
    #[must_use]
    pub fn request_entity_too_large(message: impl fmt::Display) -> Self {
        failure(
            413,
            Reason::RequestEntityTooLarge,
            format!("Request entity too large: {message}"),
            None,
        )
    }

    /// 500: what is stored cannot be read.
    #[must_use]
    pub fn store_read_error(message: impl Into<String>, details: StatusDetails) -> Self {
        failure(500, Reason::StoreReadError, message, Some(details))
    }
}

fn join<S: AsRef<str>>(texts: &[S]) -> String {
    texts.iter().map(AsRef::as_ref).collect::<Vec<_>>().join(", ")
}
