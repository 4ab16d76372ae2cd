//! The file behind `--audit-policy-file`: the first rule that matches a request decides about it.

use std::path::Path as FilePath;

use apimachinery::field::{Error, ErrorList, Path};
use apiserver_auth::authorization::Attributes;
use component_base::config;
use serde::Deserialize;

use crate::event::{Level, Stage};

const KINDS: [(&str, &str); 1] = [("audit.k8s.io/v1", "Policy")];

/// What of requests is recorded.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// Group and version.
    pub api_version: String,
    /// The kind.
    pub kind: String,
    /// Metadata; of no consequence.
    pub metadata: serde_json::Map<String, serde_json::Value>,
    /// The rules, in the order in which they are tried.
    pub rules: Vec<PolicyRule>,
    /// Stages that no rule records.
    pub omit_stages: Vec<Stage>,
    /// Whether bodies are recorded without `managedFields`, unless a rule says otherwise.
    pub omit_managed_fields: bool,
}

/// A rule; what it leaves empty matches everything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyRule {
    /// How much is recorded.
    pub level: Option<Level>,
    /// Users.
    pub users: Vec<String>,
    /// Groups of users.
    pub user_groups: Vec<String>,
    /// Verbs.
    pub verbs: Vec<String>,
    /// Resources.
    pub resources: Vec<GroupResources>,
    /// Namespaces; the empty one stands for requests without.
    pub namespaces: Vec<String>,
    /// Paths; a trailing `*` is a wildcard.
    #[serde(rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
    /// Stages that the rule does not record.
    pub omit_stages: Vec<Stage>,
    /// Overrides the policy's.
    pub omit_managed_fields: Option<bool>,
}

/// Resources of one API group.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupResources {
    /// The group; empty for the core group, `*` for all.
    pub group: String,
    /// `pods`, `pods/log`, `*/scale`, `pods/*`, `*`; all if empty.
    pub resources: Vec<String>,
    /// Names; all if empty.
    pub resource_names: Vec<String>,
}

/// How a request is recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestConfig {
    /// How much.
    pub level: Level,
    /// Stages that are left out.
    pub omit_stages: Vec<Stage>,
    /// Whether bodies lose `managedFields`.
    pub omit_managed_fields: bool,
}

/// Why a policy is refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// The file cannot be read or decoded.
    #[error(transparent)]
    Load(#[from] config::ConfigError),
    /// There are no rules.
    #[error("loaded illegal policy with 0 rules")]
    Empty,
    /// Rules are malformed.
    #[error("{0}")]
    Invalid(ErrorList),
}

fn has(list: &[String], item: &str) -> bool {
    list.iter().any(|one| one == item)
}

impl GroupResources {
    fn matches(&self, attributes: &Attributes<'_>) -> bool {
        if self.group != "*" && self.group != attributes.api_group {
            return false;
        }
        if self.resources.is_empty() {
            return true;
        }
        if !self.resource_names.is_empty() && !has(&self.resource_names, attributes.name) {
            return false;
        }
        let (resource, subresource) = (attributes.resource, attributes.subresource);
        self.resources.iter().any(|one| match one.split_once('/') {
            None => one == "*" || (subresource.is_empty() && one == resource),
            Some(("*", sub)) => sub == subresource && !sub.is_empty(),
            Some((main, "*")) => main == resource,
            Some((main, sub)) => main == resource && sub == subresource,
        })
    }
}

impl PolicyRule {
    fn matches(&self, attributes: &Attributes<'_>) -> bool {
        let user = attributes.user;
        if !self.users.is_empty() && !has(&self.users, &user.name) {
            return false;
        }
        if !self.user_groups.is_empty() && !user.groups.iter().any(|group| has(&self.user_groups, group)) {
            return false;
        }
        if !self.verbs.is_empty() && !has(&self.verbs, attributes.verb) {
            return false;
        }
        if !self.namespaces.is_empty() || !self.resources.is_empty() {
            return attributes.is_resource
                && (self.namespaces.is_empty() || has(&self.namespaces, attributes.namespace))
                && (self.resources.is_empty() || self.resources.iter().any(|one| one.matches(attributes)));
        }
        if self.non_resource_urls.is_empty() {
            return true;
        }
        !attributes.is_resource
            && self.non_resource_urls.iter().any(|pattern| {
                pattern == "*"
                    || pattern == attributes.path
                    || pattern
                        .strip_suffix('*')
                        .is_some_and(|prefix| attributes.path.starts_with(prefix))
            })
    }
}

impl Policy {
    /// Loads and validates a file.
    ///
    /// # Errors
    /// It cannot be read or decoded, or its rules are refused.
    pub fn load(path: &FilePath) -> Result<Self, PolicyError> {
        config::load::<Self>(path, &KINDS)?.checked()
    }

    /// The policy, if its rules are well-formed.
    ///
    /// # Errors
    /// There are no rules, or malformed ones.
    pub fn checked(self) -> Result<Self, PolicyError> {
        if self.rules.is_empty() {
            return Err(PolicyError::Empty);
        }
        self.validate().into_result().map_err(PolicyError::Invalid)?;
        Ok(self)
    }

    fn validate(&self) -> ErrorList {
        let mut errors = ErrorList::new();
        let list = Path::new("rules");
        for (index, rule) in self.rules.iter().enumerate() {
            let path = list.index(index);
            if rule.level.is_none() {
                errors.push(Error::required(&path.child("level"), ""));
            }
            if rule.non_resource_urls.is_empty() {
                continue;
            }
            let urls = path.child("nonResourceURLs");
            if !rule.resources.is_empty() || !rule.namespaces.is_empty() {
                let detail = "rules cannot apply to both regular resources and non-resource URLs";
                let value = apimachinery::field::BadValue::json(&rule.non_resource_urls);
                errors.push(Error::invalid(&urls, value, detail));
            }
            for (index, url) in rule.non_resource_urls.iter().enumerate() {
                let detail = if url == "*" {
                    continue;
                } else if !url.starts_with('/') {
                    "non-resource URL rules must begin with a '/' character"
                } else if url[..url.len() - 1].contains('*') {
                    "non-resource URL wildcards '*' must be the final character of the rule"
                } else {
                    continue;
                };
                errors.push(Error::invalid(&urls.index(index), url.as_str(), detail));
            }
        }
        errors
    }

    /// How a request is recorded.
    #[must_use]
    pub fn evaluate(&self, attributes: &Attributes<'_>) -> RequestConfig {
        let rule = self.rules.iter().find(|rule| rule.matches(attributes));
        let mut config = RequestConfig {
            level: Level::None,
            omit_stages: self.omit_stages.clone(),
            omit_managed_fields: self.omit_managed_fields,
        };
        if let Some(rule) = rule {
            config.level = rule.level.unwrap_or_default();
            config.omit_stages.extend(&rule.omit_stages);
            config.omit_managed_fields = rule.omit_managed_fields.unwrap_or(self.omit_managed_fields);
        }
        config
    }
}
