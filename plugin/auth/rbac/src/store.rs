//! Roles and bindings, kept so that a decision finds a user's at once.
//!
//! **Invariant:** an entry of the index stands for one binding; replacing or removing the binding replaces or
//! removes all its entries. Reasons for allowing are written when a binding is stored, not when it is used.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use apiserver_auth::{
    authorization::{Attributes, Authorization, Authorizer, NonResourceRule, ResourceRule, RuleResolver, Rules},
    serviceaccount::username,
    user::UserInfo,
};
use async_trait::async_trait;
use k8s_api::{
    primitives::quote,
    rbac::v1::{ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject},
};
use parking_lot::RwLock;
use smol_str::SmolStr;

use crate::rules::rule_allows;

/// Why a role's rules are not to be had.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum RoleError {
    /// A binding refers to a role that does not exist.
    #[error("{kind}.rbac.authorization.k8s.io {} not found", quote(.name))]
    NotFound {
        /// `role` or `clusterrole`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// A binding refers to something else than a role.
    #[error("unsupported role reference kind: {}", quote(.0))]
    Kind(String),
}

type RuleList = Arc<[PolicyRule]>;

/// A binding without what a decision does not need.
#[derive(Debug)]
struct Binding {
    role: RoleRef,
    subjects: Vec<Subject>,
    /// The place in the order in which rules are listed.
    name: String,
}

/// A binding as one of its subjects finds it.
#[derive(Clone, Debug)]
struct Grant {
    binding: Arc<Binding>,
    reason: SmolStr,
}

/// The bindings of one namespace, or those of the cluster.
#[derive(Debug, Default)]
struct Scope {
    bindings: HashMap<String, Arc<Binding>>,
    users: HashMap<String, Vec<Grant>>,
    groups: HashMap<String, Vec<Grant>>,
}

#[derive(Debug, Default)]
struct Index {
    cluster_roles: HashMap<String, RuleList>,
    roles: HashMap<String, HashMap<String, RuleList>>,
    cluster: Scope,
    namespaces: HashMap<String, Scope>,
}

/// Roles and bindings, and the decisions that they make.
#[derive(Debug, Default)]
pub struct RbacStore {
    index: RwLock<Index>,
}

enum Key {
    User(String),
    Group(String),
}

/// Under which key a subject finds its binding; nothing for subjects that are nobody.
fn key_of(subject: &Subject, namespace: &str) -> Option<Key> {
    match subject.kind.as_str() {
        "User" => Some(Key::User(subject.name.clone())),
        "Group" => Some(Key::Group(subject.name.clone())),
        "ServiceAccount" => {
            let namespace = if subject.namespace.is_empty() {
                namespace
            } else {
                &subject.namespace
            };
            (!namespace.is_empty()).then(|| Key::User(username(namespace, &subject.name)))
        }
        _ => None,
    }
}

fn describe_subject(subject: &Subject, namespace: &str) -> String {
    let kind = &subject.kind;
    if kind != "ServiceAccount" {
        return format!("{kind} {}", quote(&subject.name));
    }
    let namespace = if subject.namespace.is_empty() {
        namespace
    } else {
        &subject.namespace
    };
    format!("{kind} {}", quote(&format!("{}/{namespace}", subject.name)))
}

fn reason(binding: &Binding, subject: &Subject, namespace: &str) -> SmolStr {
    let source = if namespace.is_empty() {
        format!("ClusterRoleBinding {}", quote(&binding.name))
    } else {
        format!("RoleBinding {}", quote(&format!("{}/{namespace}", binding.name)))
    };
    SmolStr::from(format!(
        "RBAC: allowed by {source} of {} {} to {}",
        binding.role.kind,
        quote(&binding.role.name),
        describe_subject(subject, namespace)
    ))
}

impl Scope {
    fn insert(&mut self, namespace: &str, name: &str, role: &RoleRef, subjects: &[Subject]) {
        self.remove(namespace, name);
        let binding = Arc::new(Binding {
            role: role.clone(),
            subjects: subjects.to_vec(),
            name: name.to_owned(),
        });
        for subject in &binding.subjects {
            let (table, key) = match key_of(subject, namespace) {
                Some(Key::User(key)) => (&mut self.users, key),
                Some(Key::Group(key)) => (&mut self.groups, key),
                None => continue,
            };
            let grants = table.entry(key).or_default();
            // A subject that stands there twice has the binding once.
            if !grants.iter().any(|grant| Arc::ptr_eq(&grant.binding, &binding)) {
                grants.push(Grant {
                    reason: reason(&binding, subject, namespace),
                    binding: binding.clone(),
                });
            }
        }
        self.bindings.insert(name.to_owned(), binding);
    }

    fn remove(&mut self, namespace: &str, name: &str) {
        let Some(binding) = self.bindings.remove(name) else {
            return;
        };
        for subject in &binding.subjects {
            let (table, key) = match key_of(subject, namespace) {
                Some(Key::User(key)) => (&mut self.users, key),
                Some(Key::Group(key)) => (&mut self.groups, key),
                None => continue,
            };
            if let Some(grants) = table.get_mut(&key) {
                grants.retain(|grant| !Arc::ptr_eq(&grant.binding, &binding));
                if grants.is_empty() {
                    table.remove(&key);
                }
            }
        }
    }

    /// What the user finds, by name and by each group; a binding may come several times.
    fn grants<'a>(&'a self, user: &'a UserInfo) -> impl Iterator<Item = &'a Grant> {
        let by_name = self.users.get(&user.name).into_iter().flatten();
        let by_group = user.groups.iter().filter_map(|group| self.groups.get(group)).flatten();
        by_name.chain(by_group)
    }

    /// The user's bindings, each once, by name.
    fn bindings_of<'a>(&'a self, user: &'a UserInfo) -> Vec<&'a Arc<Binding>> {
        let mut found = BTreeMap::new();
        for grant in self.grants(user) {
            found.entry(grant.binding.name.as_str()).or_insert(&grant.binding);
        }
        found.into_values().collect()
    }
}

impl Index {
    fn rules(&self, role: &RoleRef, namespace: &str) -> Result<&RuleList, RoleError> {
        let (kind, found) = match role.kind.as_str() {
            "Role" => (
                "role",
                self.roles.get(namespace).and_then(|roles| roles.get(&role.name)),
            ),
            "ClusterRole" => ("clusterrole", self.cluster_roles.get(&role.name)),
            other => return Err(RoleError::Kind(other.to_owned())),
        };
        found.ok_or_else(|| RoleError::NotFound {
            kind,
            name: role.name.clone(),
        })
    }

    /// The scopes that matter in `namespace`: the cluster's, then its own.
    fn scopes<'a>(&'a self, namespace: &'a str) -> impl Iterator<Item = (&'a Scope, &'a str)> {
        let own = (!namespace.is_empty())
            .then(|| self.namespaces.get(namespace))
            .flatten();
        std::iter::once((&self.cluster, "")).chain(own.map(|scope| (scope, namespace)))
    }

    fn allowed_by(&self, attributes: &Attributes<'_>) -> Option<SmolStr> {
        for (scope, namespace) in self.scopes(attributes.namespace) {
            for grant in scope.grants(attributes.user) {
                let Ok(rules) = self.rules(&grant.binding.role, namespace) else {
                    continue;
                };
                if rules.iter().any(|rule| rule_allows(attributes, rule)) {
                    return Some(grant.reason.clone());
                }
            }
        }
        None
    }

    fn resolve(&self, user: &UserInfo, namespace: &str) -> (Vec<PolicyRule>, Vec<RoleError>) {
        let (mut rules, mut errors) = (Vec::new(), Vec::new());
        for (scope, namespace) in self.scopes(namespace) {
            for binding in scope.bindings_of(user) {
                match self.rules(&binding.role, namespace) {
                    Ok(list) => rules.extend(list.iter().cloned()),
                    Err(error) => errors.push(error),
                }
            }
        }
        (rules, errors)
    }
}

impl RbacStore {
    /// Stores a role as it is now.
    pub fn upsert_role(&self, role: &Role) {
        let metadata = &role.metadata;
        let mut index = self.index.write();
        let roles = index.roles.entry(metadata.namespace.clone()).or_default();
        roles.insert(metadata.name.clone(), role.rules.as_slice().into());
    }

    /// Forgets a role.
    pub fn delete_role(&self, namespace: &str, name: &str) {
        let mut index = self.index.write();
        if let Some(roles) = index.roles.get_mut(namespace) {
            roles.remove(name);
            if roles.is_empty() {
                index.roles.remove(namespace);
            }
        }
    }

    /// Stores a cluster role as it is now.
    pub fn upsert_cluster_role(&self, role: &ClusterRole) {
        let rules = role.rules.as_slice().into();
        self.index
            .write()
            .cluster_roles
            .insert(role.metadata.name.clone(), rules);
    }

    /// Forgets a cluster role.
    pub fn delete_cluster_role(&self, name: &str) {
        self.index.write().cluster_roles.remove(name);
    }

    /// Stores a binding as it is now.
    pub fn upsert_role_binding(&self, binding: &RoleBinding) {
        let metadata = &binding.metadata;
        let mut index = self.index.write();
        let scope = index.namespaces.entry(metadata.namespace.clone()).or_default();
        scope.insert(
            &metadata.namespace,
            &metadata.name,
            &binding.role_ref,
            &binding.subjects,
        );
    }

    /// Forgets a binding.
    pub fn delete_role_binding(&self, namespace: &str, name: &str) {
        let mut index = self.index.write();
        if let Some(scope) = index.namespaces.get_mut(namespace) {
            scope.remove(namespace, name);
            if scope.bindings.is_empty() {
                index.namespaces.remove(namespace);
            }
        }
    }

    /// Stores a cluster-wide binding as it is now.
    pub fn upsert_cluster_role_binding(&self, binding: &ClusterRoleBinding) {
        let name = &binding.metadata.name;
        self.index
            .write()
            .cluster
            .insert("", name, &binding.role_ref, &binding.subjects);
    }

    /// Forgets a cluster-wide binding.
    pub fn delete_cluster_role_binding(&self, name: &str) {
        self.index.write().cluster.remove("", name);
    }

    /// The rules of the role that a binding in `namespace` (empty for a cluster-wide one) refers to.
    ///
    /// # Errors
    /// There is no such role.
    pub fn role_rules(&self, role: &RoleRef, namespace: &str) -> Result<Vec<PolicyRule>, RoleError> {
        self.index.read().rules(role, namespace).map(|rules| rules.to_vec())
    }

    /// The rules that apply to a user in a namespace (empty: across the cluster), and what could not be resolved.
    #[must_use]
    pub fn policy_rules(&self, user: &UserInfo, namespace: &str) -> (Vec<PolicyRule>, Vec<RoleError>) {
        self.index.read().resolve(user, namespace)
    }

    /// The decision, for callers that need not wait.
    #[must_use]
    pub fn decide(&self, attributes: &Attributes<'_>) -> Authorization {
        let index = self.index.read();
        if let Some(reason) = index.allowed_by(attributes) {
            return Authorization::allow(reason);
        }
        let mut errors: Vec<String> = Vec::new();
        for (scope, namespace) in index.scopes(attributes.namespace) {
            for binding in scope.bindings_of(attributes.user) {
                if let Err(error) = index.rules(&binding.role, namespace) {
                    let text = error.to_string();
                    if !errors.contains(&text) {
                        errors.push(text);
                    }
                }
            }
        }
        match errors.as_slice() {
            [] => Authorization::no_opinion(""),
            [only] => Authorization::no_opinion(format!("RBAC: {only}")),
            several => Authorization::no_opinion(format!("RBAC: [{}]", several.join(", "))),
        }
    }
}

#[async_trait]
impl Authorizer for RbacStore {
    async fn authorize(&self, attributes: &Attributes<'_>) -> Authorization {
        self.decide(attributes)
    }
}

#[async_trait]
impl RuleResolver for RbacStore {
    async fn rules_for(&self, user: &UserInfo, namespace: &str) -> Rules {
        let (policy, errors) = self.policy_rules(user, namespace);
        let mut rules = Rules {
            errors: errors.iter().map(ToString::to_string).collect(),
            ..Rules::default()
        };
        for rule in policy {
            if !rule.resources.is_empty() {
                rules.resource_rules.push(ResourceRule {
                    verbs: rule.verbs.clone(),
                    api_groups: rule.api_groups,
                    resources: rule.resources,
                    resource_names: rule.resource_names,
                });
            }
            if !rule.non_resource_urls.is_empty() {
                rules.non_resource_rules.push(NonResourceRule {
                    verbs: rule.verbs,
                    non_resource_urls: rule.non_resource_urls,
                });
            }
        }
        rules
    }
}
