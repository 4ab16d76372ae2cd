//! Several authorizers, asked in turn.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Attributes, Authorization, Authorizer, Decision, RuleResolver, Rules};
use crate::{aggregate, user::UserInfo};

/// Asks one authorizer after the other until one allows or denies.
#[derive(Clone)]
pub struct Union {
    authorizers: Vec<Arc<dyn Authorizer>>,
}

impl Union {
    /// In this order.
    #[must_use]
    pub fn new(authorizers: Vec<Arc<dyn Authorizer>>) -> Self {
        Self { authorizers }
    }
}

#[async_trait]
impl Authorizer for Union {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        let mut reasons = Vec::new();
        let mut errors = Vec::new();
        for authorizer in &self.authorizers {
            let answer = authorizer.authorize(attributes).await;
            if answer.decision != Decision::NoOpinion {
                return answer;
            }
            errors.extend(answer.error);
            if !answer.reason.is_empty() {
                reasons.push(answer.reason);
            }
        }
        Authorization {
            error: (!errors.is_empty()).then(|| aggregate::join(&errors)),
            ..Authorization::no_opinion(reasons.join("\n"))
        }
    }
}

/// Collects the rules of several resolvers.
#[derive(Clone)]
pub struct RuleResolverUnion {
    resolvers: Vec<Arc<dyn RuleResolver>>,
}

impl RuleResolverUnion {
    /// In this order.
    #[must_use]
    pub fn new(resolvers: Vec<Arc<dyn RuleResolver>>) -> Self {
        Self { resolvers }
    }
}

#[async_trait]
impl RuleResolver for RuleResolverUnion {
    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        let mut all = Rules::default();
        for resolver in &self.resolvers {
            let rules = resolver.rules_for(user, namespace).await;
            all.resource_rules.extend(rules.resource_rules);
            all.non_resource_rules.extend(rules.non_resource_rules);
            all.incomplete |= rules.incomplete;
            all.errors.extend(rules.errors);
        }
        all
    }
}
