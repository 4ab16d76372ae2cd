//! The seams to authentication and authorization.

use std::fmt::Debug;

use apimachinery::status::{GroupResource, StatusError};
use async_trait::async_trait;
use http::request::Parts;

use crate::request::{RequestInfo, UserInfo};

/// Finds out who makes a request.
#[async_trait]
pub trait Authenticator: Send + Sync + Debug + 'static {
    /// The user that the request's credentials belong to; `None` if it has none.
    ///
    /// # Errors
    /// If the request has credentials that are not good.
    async fn authenticate(&self, request: &Parts) -> Result<Option<UserInfo>, BadCredentials>;
}

/// Credentials that nobody has. Why is for logs, not for clients.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadCredentials(pub String);

/// What an authorizer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, with the reason that the client is told; empty for none.
    Deny(String),
}

/// Decides who may do what.
#[async_trait]
pub trait Authorizer: Send + Sync + Debug + 'static {
    /// Whether `user` may make the request.
    async fn authorize(&self, user: &UserInfo, request: &RequestInfo) -> Decision;
}

/// The answer to a request that is not allowed (upstream: `responsewriters.Forbidden`).
#[must_use]
pub fn forbidden(user: &UserInfo, info: &RequestInfo, reason: &str) -> StatusError {
    let what = forbidden_message(user, info);
    let message = if reason.is_empty() {
        what
    } else {
        format!("{what}: {reason}")
    };
    let resource = GroupResource::new(&info.api_group, &info.resource);
    StatusError::forbidden(resource, &info.name, message)
}

fn forbidden_message(user: &UserInfo, info: &RequestInfo) -> String {
    let name = k8s_api::primitives::quote(&user.name);
    if !info.is_resource_request {
        return format!(
            "User {name} cannot {} path {}",
            info.verb,
            k8s_api::primitives::quote(&info.path)
        );
    }
    let quote = |text: &str| k8s_api::primitives::quote(text);
    let resource = quote(&info.resource_path());
    let group = quote(&info.api_group);
    if info.namespace.is_empty() {
        format!(
            "User {name} cannot {} resource {resource} in API group {group} at the cluster scope",
            info.verb
        )
    } else {
        let namespace = quote(&info.namespace);
        format!(
            "User {name} cannot {} resource {resource} in API group {group} in the namespace {namespace}",
            info.verb
        )
    }
}

/// `--authorization-mode=AlwaysAllow`.
#[derive(Debug)]
pub struct AlwaysAllow;

#[async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _user: &UserInfo, _request: &RequestInfo) -> Decision {
        Decision::Allow
    }
}
