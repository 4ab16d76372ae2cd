//! When a request is sent again, and after how long (upstream: `rest/with_retry.go`).

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, Method, StatusCode};

use crate::transport::TransportError;

/// How often a request is sent again.
pub(super) const MAX_RETRIES: u32 = 10;

/// The pause that a response asks for, if it asks for another try.
pub(super) fn after_response(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    if status != StatusCode::TOO_MANY_REQUESTS && !status.is_server_error() {
        return None;
    }
    retry_after(headers).map(Duration::from_secs)
}

/// `Retry-After` in seconds; the form with a date is not the API's.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<u64> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

/// The pause after a failure of the connection, if the request may be sent again.
pub(super) fn after_failure(method: &Method, error: &TransportError) -> Option<Duration> {
    (method == Method::GET && error.is_connection_lost()).then_some(Duration::from_secs(1))
}
