//! Whether a user may do something (upstream: `k8s.io/apiserver/pkg/authorization`).
//!
//! **Invariant:** an authorizer allows only by saying [`Decision::Allow`]; errors and missing opinions refuse.

mod abac;
mod attributes;
pub mod config;
mod denial;
mod fixed;
mod union;
mod webhook;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use async_trait::async_trait;
use smol_str::SmolStr;

pub use abac::{Abac, AbacError};
pub use attributes::{Attributes, exact_name};
pub use denial::{forbidden, forbidden_message};
pub use fixed::{AlwaysAllow, AlwaysDeny, PrivilegedGroups};
pub use union::{RuleResolverUnion, Union};
pub use webhook::{SubjectAccessReviewer, Webhook, WebhookSettings};

use crate::user::UserInfo;

/// What an authorizer makes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It may pass; nobody else is asked.
    Allow,
    /// It may not; nobody else is asked.
    Deny,
    /// The next authorizer is asked; if there is none, the request is refused.
    NoOpinion,
}

/// A decision and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorization {
    /// The decision.
    pub decision: Decision,
    /// The reason; goes into the audit event, and behind the message of a refusal. May be empty.
    pub reason: SmolStr,
    /// What went wrong while deciding; an allowed request passes in spite of it.
    pub error: Option<String>,
}

impl Authorization {
    /// The request may pass.
    pub fn allow(reason: impl Into<SmolStr>) -> Self {
        Self::new(Decision::Allow, reason)
    }

    /// The request is refused.
    pub fn deny(reason: impl Into<SmolStr>) -> Self {
        Self::new(Decision::Deny, reason)
    }

    /// Others may decide.
    pub fn no_opinion(reason: impl Into<SmolStr>) -> Self {
        Self::new(Decision::NoOpinion, reason)
    }

    fn new(decision: Decision, reason: impl Into<SmolStr>) -> Self {
        Self {
            decision,
            reason: reason.into(),
            error: None,
        }
    }

    /// Whether the request may pass.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.decision == Decision::Allow
    }
}

/// Decides about requests.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Decides about one request.
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization;
}

/// Verbs on resources, as rules reviews show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceRule {
    /// Verbs; `*` for all.
    pub verbs: Vec<String>,
    /// API groups; `*` for all.
    pub api_groups: Vec<String>,
    /// Resources; `*` for all.
    pub resources: Vec<String>,
    /// Names; empty for all.
    pub resource_names: Vec<String>,
}

/// Verbs on paths, as rules reviews show them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NonResourceRule {
    /// Verbs; `*` for all.
    pub verbs: Vec<String>,
    /// Paths; a trailing `*` is a wildcard.
    pub non_resource_urls: Vec<String>,
}

/// What a user may do in a namespace, as far as an authorizer can enumerate it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// On resources.
    pub resource_rules: Vec<ResourceRule>,
    /// On paths.
    pub non_resource_rules: Vec<NonResourceRule>,
    /// Whether there is more than the rules say.
    pub incomplete: bool,
    /// What went wrong while collecting.
    pub errors: Vec<String>,
}

impl Rules {
    /// The errors as one text; empty if there are none.
    #[must_use]
    pub fn evaluation_error(&self) -> String {
        crate::aggregate::join(&self.errors)
    }
}

/// Enumerates what a user may do, for `SelfSubjectRulesReview`.
#[async_trait]
pub trait RuleResolver: Send + Sync {
    /// The rules that apply to `user` in `namespace`.
    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules;
}

#[async_trait]
impl<A: Authorizer + ?Sized> Authorizer for Arc<A> {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        (**self).authorize(attributes).await
    }
}
