//! What a client makes of a response.

use k8s_api::{
    meta::v1::{Status, StatusCause, StatusDetails},
    primitives::quote,
};
use serde::Deserialize;

use super::{GroupResource, Reason, StatusError, UNEXPECTED_SERVER_RESPONSE};

/// What is known of a request whose response is no `Status`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ResponseError<'a> {
    /// The HTTP status code.
    pub code: i32,
    /// The HTTP method.
    pub verb: &'a str,
    /// What was asked for.
    pub resource: GroupResource<'a>,
    /// The name of the object; may be empty.
    pub name: &'a str,
    /// The body, or what is shown of it.
    pub server_message: &'a str,
    /// From the `Retry-After` header; 0 without.
    pub retry_after_seconds: i32,
    /// Whether the response is none of the API's.
    pub unexpected: bool,
}

/// The `Status` in a response's body, if that is what it is.
#[must_use]
pub fn from_response_body(body: &[u8]) -> Option<StatusError> {
    #[derive(Deserialize)]
    struct TypeMeta<'a> {
        #[serde(borrow)]
        kind: std::borrow::Cow<'a, str>,
        #[serde(borrow, rename = "apiVersion")]
        api_version: std::borrow::Cow<'a, str>,
    }
    let meta: TypeMeta<'_> = serde_json::from_slice(body).ok()?;
    if meta.kind != "Status" || !matches!(&*meta.api_version, "v1" | "meta.k8s.io/v1") {
        return None;
    }
    let status: Status = serde_json::from_slice(body).ok()?;
    (status.status != "Success").then(|| status.into())
}

/// The error that a bare HTTP status code stands for.
#[must_use]
pub fn generic_server_response(response: ResponseError<'_>) -> StatusError {
    let ResponseError {
        code,
        verb,
        resource,
        name,
        server_message,
        ..
    } = response;
    let (reason, mut message) = match code {
        409 if verb == "POST" => (Some(Reason::AlreadyExists), "the server reported a conflict".into()),
        409 => (Some(Reason::Conflict), "the server reported a conflict".into()),
        404 => (
            Some(Reason::NotFound),
            "the server could not find the requested resource".into(),
        ),
        400 => (
            Some(Reason::BadRequest),
            "the server rejected our request for an unknown reason".into(),
        ),
        401 => (
            Some(Reason::Unauthorized),
            "the server has asked for the client to provide credentials".into(),
        ),
        403 => (Some(Reason::Forbidden), server_message.to_owned()),
        406 if matches!(server_message, "" | "unknown") => (
            Some(Reason::NotAcceptable),
            "the server was unable to respond with a content type that the client supports".into(),
        ),
        406 => (Some(Reason::NotAcceptable), server_message.to_owned()),
        415 => (Some(Reason::UnsupportedMediaType), server_message.to_owned()),
        405 => (
            Some(Reason::MethodNotAllowed),
            "the server does not allow this method on the requested resource".into(),
        ),
        422 => (
            Some(Reason::Invalid),
            "the server rejected our request due to an error in our request".into(),
        ),
        503 => (
            Some(Reason::ServiceUnavailable),
            "the server is currently unable to handle the request".into(),
        ),
        504 => (
            Some(Reason::Timeout),
            "the server was unable to return a response in the time allotted, but may still be processing the request"
                .into(),
        ),
        429 => (
            Some(Reason::TooManyRequests),
            "the server has received too many requests and has asked us to try again later".into(),
        ),
        500.. => {
            let shown = quote(server_message);
            let message = format!("an error on the server ({shown}) has prevented the request from succeeding");
            (Some(Reason::InternalError), message)
        }
        _ => (
            None,
            format!("the server responded with the status code {code} but did not return more information"),
        ),
    };
    if !resource.is_empty() {
        let separator = if name.is_empty() { "" } else { " " };
        message = format!("{message} ({} {resource}{separator}{name})", verb.to_lowercase());
    }
    let cause = StatusCause {
        reason: UNEXPECTED_SERVER_RESPONSE.into(),
        message: server_message.into(),
        ..StatusCause::default()
    };
    let details = StatusDetails {
        group: resource.group.into(),
        kind: resource.resource.into(),
        name: name.into(),
        causes: if response.unexpected { vec![cause] } else { Vec::new() },
        retry_after_seconds: response.retry_after_seconds,
        ..StatusDetails::default()
    };
    StatusError::from(Status {
        status: "Failure".into(),
        code,
        reason: reason.map_or("", Reason::as_str).into(),
        message,
        details: Some(Box::new(details)),
        ..Status::default()
    })
}
