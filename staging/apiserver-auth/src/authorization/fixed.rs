//! Authorizers that need no policy: everything, nothing, and the privileged group.

use async_trait::async_trait;

use super::{Attributes, Authorization, Authorizer, NonResourceRule, ResourceRule, RuleResolver, Rules};
use crate::user::{UserInfo, names};

/// Lets everything pass (`AlwaysAllow`).
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysAllow;

fn all() -> Vec<String> {
    vec!["*".to_owned()]
}

#[async_trait]
impl Authorizer for AlwaysAllow {
    async fn authorize(&self, _attributes: &Attributes<'_>) -> Authorization {
        Authorization::allow("")
    }
}

#[async_trait]
impl RuleResolver for AlwaysAllow {
    async fn rules_for(&self, _user: &UserInfo, _namespace: &str) -> Rules {
        Rules {
            resource_rules: vec![ResourceRule {
                verbs: all(),
                api_groups: all(),
                resources: all(),
                resource_names: Vec::new(),
            }],
            non_resource_rules: vec![NonResourceRule {
                verbs: all(),
                non_resource_urls: all(),
            }],
            ..Rules::default()
        }
    }
}

/// Lets nothing pass (`AlwaysDeny`).
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysDeny;

#[async_trait]
impl Authorizer for AlwaysDeny {
    async fn authorize(&self, _attributes: &Attributes<'_>) -> Authorization {
        Authorization::no_opinion("Everything is forbidden.")
    }
}

#[async_trait]
impl RuleResolver for AlwaysDeny {
    async fn rules_for(&self, _user: &UserInfo, _namespace: &str) -> Rules {
        Rules::default()
    }
}

/// Lets the members of some groups pass, whatever they want.
#[derive(Clone, Debug)]
pub struct PrivilegedGroups {
    groups: Vec<String>,
}

impl Default for PrivilegedGroups {
    fn default() -> Self {
        Self {
            groups: vec![names::PRIVILEGED_GROUP.to_owned()],
        }
    }
}

impl PrivilegedGroups {
    /// Of these groups; the default is `system:masters`.
    #[must_use]
    pub fn new(groups: Vec<String>) -> Self {
        Self { groups }
    }
}

#[async_trait]
impl Authorizer for PrivilegedGroups {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        if self.groups.iter().any(|group| attributes.user.in_group(group)) {
            Authorization::allow("")
        } else {
            Authorization::no_opinion("")
        }
    }
}
