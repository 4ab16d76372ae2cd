//! How a refusal reads (upstream: `endpoints/handlers/responsewriters/errors.go`).

use std::borrow::Cow;

use apimachinery::status::{GroupResource, StatusError};
use k8s_api::primitives::quote;

use super::Attributes;

/// Keeps a message from looking like HTML; quotes stay.
fn sanitize(text: String) -> Cow<'static, str> {
    if text.contains(['&', '<', '>']) {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
            .into()
    } else {
        text.into()
    }
}

/// `User "x" cannot list resource "pods" in API group "" in the namespace "ns"`.
#[must_use]
pub fn forbidden_message(attributes: &Attributes<'_>) -> String {
    let user = quote(&attributes.user.name);
    let verb = attributes.verb;
    if !attributes.is_resource {
        return format!("User {user} cannot {verb} path {}", quote(attributes.path));
    }
    let resource = quote(&attributes.resource_path());
    let group = quote(attributes.api_group);
    let scope = if attributes.namespace.is_empty() {
        Cow::Borrowed("at the cluster scope")
    } else {
        Cow::Owned(format!("in the namespace {}", quote(attributes.namespace)))
    };
    format!("User {user} cannot {verb} resource {resource} in API group {group} {scope}")
}

/// The answer to a request that may not pass; `reason` is the authorizers'.
#[must_use]
pub fn forbidden(attributes: &Attributes<'_>, reason: &str) -> StatusError {
    let message = sanitize(forbidden_message(attributes));
    let resource = GroupResource::new(attributes.api_group, attributes.resource);
    if reason.is_empty() {
        StatusError::forbidden(resource, attributes.name, message)
    } else {
        StatusError::forbidden(resource, attributes.name, format_args!("{message}: {reason}"))
    }
}
