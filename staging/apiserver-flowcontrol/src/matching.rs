//! Which flow schema a request belongs to (upstream: `rule.go`).
//!
//! Schemas are taken apart when the configuration changes; a request then meets comparisons and no parsing.

use std::sync::Arc;

use ahash::RandomState;
use apiserver_auth::{authorization::Attributes, user::names};
use k8s_api::flowcontrol::v1::{
    FlowSchema, NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, Subject,
};

use crate::{level::Level, metrics::SchemaMetrics};

const ALL: &str = "*";

/// By what the flows of a schema are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Distinguisher {
    None,
    User,
    Namespace,
}

/// A list of names, or all of them.
#[derive(Debug)]
struct Names {
    all: bool,
    names: Box<[Box<str>]>,
}

impl Names {
    fn new(names: &[String]) -> Self {
        Self {
            all: names.iter().any(|name| name == ALL),
            names: names.iter().map(|name| name.as_str().into()).collect(),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.all || self.names.iter().any(|one| **one == *name)
    }
}

#[derive(Debug)]
enum Who {
    Everybody,
    User(Box<str>),
    Group(Box<str>),
    ServiceAccount(Box<str>, Box<str>),
}

impl Who {
    fn new(subject: &Subject) -> Option<Self> {
        Some(match subject.kind.as_str() {
            "User" => match subject.user.as_ref()?.name.as_str() {
                ALL => Self::Everybody,
                name => Self::User(name.into()),
            },
            "Group" => match subject.group.as_ref()?.name.as_str() {
                ALL => Self::Everybody,
                name => Self::Group(name.into()),
            },
            "ServiceAccount" => {
                let account = subject.service_account.as_ref()?;
                Self::ServiceAccount(account.namespace.as_str().into(), account.name.as_str().into())
            }
            _ => return None,
        })
    }

    fn is(&self, attributes: &Attributes<'_>) -> bool {
        let user = attributes.user;
        match self {
            Self::Everybody => true,
            Self::User(name) => **name == *user.name,
            Self::Group(group) => user.in_group(group),
            Self::ServiceAccount(namespace, name) => user
                .name
                .strip_prefix(names::SERVICE_ACCOUNT_PREFIX)
                .and_then(|rest| rest.strip_prefix(&**namespace))
                .and_then(|rest| rest.strip_prefix(':'))
                .is_some_and(|account| **name == *ALL || **name == *account),
        }
    }
}

#[derive(Debug)]
struct OnResources {
    verbs: Names,
    groups: Names,
    resources: Names,
    cluster_scope: bool,
    namespaces: Names,
}

impl OnResources {
    fn new(rule: &ResourcePolicyRule) -> Self {
        Self {
            verbs: Names::new(&rule.verbs),
            groups: Names::new(&rule.api_groups),
            resources: Names::new(&rule.resources),
            cluster_scope: rule.cluster_scope,
            namespaces: Names::new(&rule.namespaces),
        }
    }

    fn has_resource(&self, resource: &str, subresource: &str) -> bool {
        if subresource.is_empty() {
            return self.resources.has(resource);
        }
        self.resources.all
            || self
                .resources
                .names
                .iter()
                .any(|one| one.strip_suffix(subresource).and_then(|rest| rest.strip_suffix('/')) == Some(resource))
    }

    fn matches(&self, attributes: &Attributes<'_>) -> bool {
        self.verbs.has(attributes.verb)
            && self.has_resource(attributes.resource, attributes.subresource)
            && self.groups.has(attributes.api_group)
            && if attributes.namespace.is_empty() {
                self.cluster_scope
            } else {
                self.namespaces.has(attributes.namespace)
            }
    }
}

#[derive(Debug)]
struct OnPaths {
    verbs: Names,
    paths: Names,
}

impl OnPaths {
    fn new(rule: &NonResourcePolicyRule) -> Self {
        Self {
            verbs: Names::new(&rule.verbs),
            paths: Names::new(&rule.non_resource_urls),
        }
    }

    fn matches(&self, attributes: &Attributes<'_>) -> bool {
        let path = attributes.path;
        self.verbs.has(attributes.verb)
            && (self.paths.has(path)
                || self
                    .paths
                    .names
                    .iter()
                    .any(|one| one.strip_suffix('*').is_some_and(|prefix| path.starts_with(prefix))))
    }
}

#[derive(Debug)]
struct Rule {
    who: Vec<Who>,
    resources: Vec<OnResources>,
    paths: Vec<OnPaths>,
}

impl Rule {
    fn new(rule: &PolicyRulesWithSubjects) -> Self {
        Self {
            who: rule.subjects.iter().filter_map(Who::new).collect(),
            resources: rule.resource_rules.iter().map(OnResources::new).collect(),
            paths: rule.non_resource_rules.iter().map(OnPaths::new).collect(),
        }
    }

    fn matches(&self, attributes: &Attributes<'_>) -> bool {
        self.who.iter().any(|who| who.is(attributes))
            && if attributes.is_resource {
                self.resources.iter().any(|rule| rule.matches(attributes))
            } else {
                self.paths.iter().any(|rule| rule.matches(attributes))
            }
    }
}

/// A flow schema, ready to be matched.
pub(crate) struct Schema {
    pub(crate) name: Box<str>,
    pub(crate) uid: Box<str>,
    pub(crate) precedence: i32,
    pub(crate) level: Arc<Level>,
    pub(crate) metrics: SchemaMetrics,
    distinguisher: Distinguisher,
    rules: Vec<Rule>,
}

impl Schema {
    pub(crate) fn new(schema: &FlowSchema, level: Arc<Level>, metrics: SchemaMetrics) -> Self {
        let method = schema
            .spec
            .distinguisher_method
            .as_ref()
            .map(|method| method.type_.as_str());
        Self {
            name: schema.metadata.name.as_str().into(),
            uid: schema.metadata.uid.as_str().into(),
            precedence: schema.spec.matching_precedence,
            level,
            metrics,
            distinguisher: match method {
                Some("ByUser") => Distinguisher::User,
                Some("ByNamespace") => Distinguisher::Namespace,
                _ => Distinguisher::None,
            },
            rules: schema.spec.rules.iter().map(Rule::new).collect(),
        }
    }

    pub(crate) fn matches(&self, attributes: &Attributes<'_>) -> bool {
        self.rules.iter().any(|rule| rule.matches(attributes))
    }

    /// What tells the request's flow from others of the schema.
    pub(crate) fn distinguish<'a>(&self, attributes: &Attributes<'a>) -> &'a str {
        match self.distinguisher {
            Distinguisher::None => "",
            Distinguisher::User => &attributes.user.name,
            Distinguisher::Namespace => attributes.namespace,
        }
    }

    /// The flow's number. The seeds are the process's own, so that nobody can choose names that share a hand.
    pub(crate) fn hash(&self, seeds: &RandomState, flow: &str) -> u64 {
        seeds.hash_one((&*self.name, flow))
    }
}
