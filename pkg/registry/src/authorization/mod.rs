//! `authorization.k8s.io`: who may do what (upstream: `pkg/registry/authorization`).

pub mod access_review;
mod attributes;
pub mod self_subject_rules_review;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use apiserver_auth::authorization::Authorizer;

/// The server's authorizer, for a review to ask.
#[derive(Clone)]
pub struct Asks(Arc<dyn Authorizer>);

impl Asks {
    /// Asks this authorizer.
    #[must_use]
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self(authorizer)
    }
}

impl std::fmt::Debug for Asks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Asks").finish()
    }
}
