//! Answers as Go's servers give them.

use component_base::serving::Body;
use http::{HeaderValue, Response, StatusCode, header};

pub(crate) fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

/// A text, without a line's end, as the node's API words its errors.
pub(crate) fn text(status: StatusCode, text: impl Into<String>) -> Response<Body> {
    with_type(status, "text/plain; charset=utf-8", text.into())
}

pub(crate) fn json(body: Vec<u8>) -> Response<Body> {
    with_type(StatusCode::OK, "application/json", body)
}

pub(crate) fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

/// The answer to what the runtime refused.
pub(crate) fn runtime_error(error: &cri_client::Error) -> Response<Body> {
    use cri_client::Code;
    let status = match error.code() {
        Some(Code::NotFound) => StatusCode::NOT_FOUND,
        Some(Code::ResourceExhausted) => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    text(status, error.message())
}
