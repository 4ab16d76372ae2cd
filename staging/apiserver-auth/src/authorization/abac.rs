//! Attribute-based access control from a policy file (upstream: `pkg/auth/authorizer/abac`).
//!
//! One JSON object a line. Objects without a version are of the first format and are read as such.

use std::{fs, path::Path};

use async_trait::async_trait;
use serde::Deserialize;

use super::{Attributes, Authorization, Authorizer, NonResourceRule, ResourceRule, RuleResolver, Rules};
use crate::user::{UserInfo, names};

const API_VERSION: &str = "abac.authorization.kubernetes.io/v1beta1";

/// Why a policy file is refused.
#[derive(Debug, thiserror::Error)]
pub enum AbacError {
    /// It cannot be read.
    #[error("error reading policy file {path}: {source}")]
    Read {
        /// The file.
        path: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A line is no policy.
    #[error("error reading policy file {path}, line {line}: {text}: {reason}")]
    Line {
        /// The file.
        path: String,
        /// Its line, from 1.
        line: usize,
        /// What stands there.
        text: String,
        /// What is wrong.
        reason: String,
    },
}

#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase", default)]
struct Policy {
    user: String,
    group: String,
    readonly: bool,
    api_group: String,
    resource: String,
    namespace: String,
    non_resource_path: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Versioned {
    api_version: Option<String>,
    kind: Option<String>,
    #[serde(default)]
    spec: Policy,
}

/// The policies of a file.
#[derive(Clone, Debug, Default)]
pub struct Abac {
    policies: Vec<Policy>,
}

impl Policy {
    /// A policy of the first format: what is not narrowed is meant, in every API group.
    fn migrate(mut self) -> Self {
        if self.user == "*" || self.group == "*" {
            self.user.clear();
            names::ALL_AUTHENTICATED.clone_into(&mut self.group);
        } else if self.user.is_empty() && self.group.is_empty() {
            names::ALL_AUTHENTICATED.clone_into(&mut self.group);
        }
        self.non_resource_path.clear();
        if self.namespace.is_empty() && self.resource.is_empty() {
            self.non_resource_path.push('*');
        }
        for field in [&mut self.namespace, &mut self.resource] {
            if field.is_empty() {
                field.push('*');
            }
        }
        "*".clone_into(&mut self.api_group);
        self
    }

    fn applies_to(&self, user: &UserInfo) -> bool {
        let mut matched = false;
        if !self.user.is_empty() {
            if self.user != "*" && self.user != user.name {
                return false;
            }
            matched = true;
        }
        if !self.group.is_empty() {
            if self.group != "*" && !user.in_group(&self.group) {
                return false;
            }
            matched = true;
        }
        matched
    }

    fn covers(&self, attributes: &Attributes<'_>) -> bool {
        if self.readonly && !attributes.is_read_only() {
            return false;
        }
        let is = |pattern: &str, value: &str| pattern == "*" || pattern == value;
        if attributes.is_resource {
            return is(&self.namespace, attributes.namespace)
                && is(&self.resource, attributes.resource)
                && is(&self.api_group, attributes.api_group);
        }
        let pattern = self.non_resource_path.as_str();
        is(pattern, attributes.path)
            || (pattern.ends_with('*') && attributes.path.starts_with(pattern.trim_end_matches('*')))
    }

    fn verbs(&self) -> Vec<String> {
        let verbs: &[&str] = if self.readonly {
            &["get", "list", "watch"]
        } else {
            &["*"]
        };
        verbs.iter().map(|&verb| verb.to_owned()).collect()
    }
}

fn parse_line(line: &str) -> Result<Policy, String> {
    let versioned: Versioned = serde_json::from_str(line).map_err(|error| error.to_string())?;
    match (versioned.api_version.as_deref(), versioned.kind.as_deref()) {
        (Some(API_VERSION), Some("Policy")) => Ok(versioned.spec),
        (None | Some(""), _) | (_, None | Some("")) => serde_json::from_str::<Policy>(line)
            .map(Policy::migrate)
            .map_err(|error| error.to_string()),
        (Some(version), Some(kind)) => Err(format!("no kind {kind:?} is registered for version {version:?}")),
    }
}

impl Abac {
    /// Reads a policy file.
    ///
    /// # Errors
    /// It cannot be read, or a line is no policy.
    pub fn from_file(path: &Path) -> Result<Self, AbacError> {
        let name = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|source| AbacError::Read {
            path: name.clone(),
            source,
        })?;
        Self::parse(&name, &text)
    }

    /// Reads policies; `name` stands in errors. Blank lines and lines behind `#` are passed over.
    ///
    /// # Errors
    /// A line is no policy.
    pub fn parse(name: &str, text: &str) -> Result<Self, AbacError> {
        let mut policies = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let trimmed = line.trim();
            if trimmed.is_empty() || trimmed.starts_with('#') {
                continue;
            }
            policies.push(parse_line(trimmed).map_err(|reason| AbacError::Line {
                path: name.to_owned(),
                line: index + 1,
                text: line.to_owned(),
                reason,
            })?);
        }
        Ok(Self { policies })
    }
}

#[async_trait]
impl Authorizer for Abac {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        let allowed = |policy: &Policy| policy.applies_to(attributes.user) && policy.covers(attributes);
        if self.policies.iter().any(allowed) {
            Authorization::allow("")
        } else {
            Authorization::no_opinion("No policy matched.")
        }
    }
}

#[async_trait]
impl RuleResolver for Abac {
    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        let mut rules = Rules::default();
        for policy in self.policies.iter().filter(|policy| policy.applies_to(user)) {
            if policy.namespace != "*" && policy.namespace != namespace {
                continue;
            }
            if !policy.resource.is_empty() {
                rules.resource_rules.push(ResourceRule {
                    verbs: policy.verbs(),
                    api_groups: vec![policy.api_group.clone()],
                    resources: vec![policy.resource.clone()],
                    resource_names: Vec::new(),
                });
            }
            if !policy.non_resource_path.is_empty() {
                rules.non_resource_rules.push(NonResourceRule {
                    verbs: policy.verbs(),
                    non_resource_urls: vec![policy.non_resource_path.clone()],
                });
            }
        }
        rules
    }
}
