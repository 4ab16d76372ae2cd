//! Whether a request may pass (upstream: `endpoints/filters/authorization.go`).

use std::time::Instant;

use apimachinery::status::StatusError;
use apiserver_auth::authorization::{Authorizer, Decision, forbidden};
use component_base::serving::Body;
use http::{HeaderValue, Response, StatusCode, Uri, header};

use super::metrics::{AccessMetrics, Authorized};
use crate::request::RequestContext;

const DECISION: &str = "authorization.k8s.io/decision";
const REASON: &str = "authorization.k8s.io/reason";

/// Why a request does not pass.
pub(super) enum Refusal {
    /// Nobody allows it.
    Forbidden(StatusError),
    /// It could not be decided.
    Failed(String),
}

/// Decides about the request, and notes the decision for its audit event.
pub(super) async fn authorize(
    authorizer: &dyn Authorizer,
    context: &RequestContext,
    metrics: &AccessMetrics,
) -> Result<(), Refusal> {
    let attributes = context.info.attributes(&context.user);
    let begun = Instant::now();
    let answer = authorizer.authorize(&attributes).await;
    let outcome = match answer.decision {
        Decision::Allow => Authorized::Allowed,
        _ if answer.error.is_some() => Authorized::Error,
        Decision::Deny => Authorized::Denied,
        Decision::NoOpinion => Authorized::NoOpinion,
    };
    metrics.authorized(outcome, begun);
    if answer.decision == Decision::Allow {
        context.annotate(DECISION, "allow");
        context.annotate(REASON, answer.reason.as_str());
        return Ok(());
    }
    if let Some(error) = answer.error {
        context.annotate(REASON, "internal error");
        return Err(Refusal::Failed(error));
    }
    tracing::debug!(uri = %context.info.path, reason = %answer.reason, "Forbidden");
    context.annotate(DECISION, "forbid");
    context.annotate(REASON, answer.reason.as_str());
    Err(Refusal::Forbidden(forbidden(&attributes, &answer.reason)))
}

/// The answer where authorization itself failed.
pub(super) fn internal_error(uri: &Uri, error: &str) -> Response<Body> {
    let uri = k8s_api::primitives::quote(&uri.to_string());
    let text = format!("Internal Server Error: {uri}: {error}\n");
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
