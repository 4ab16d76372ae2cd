//! The roles and bindings that every cluster starts with (upstream: `rbac/bootstrappolicy`).
//!
//! The facts stand in `policy.txt`, one rule a line: verbs, API groups (`core` for the empty one), resources, and
//! names where there are any; or verbs, `url` and paths.

use std::sync::OnceLock;

use k8s_api::{
    Map,
    meta::v1::{LabelSelector, ObjectMeta},
    rbac::v1::{AggregationRule, ClusterRole, ClusterRoleBinding, PolicyRule, Role, RoleBinding, RoleRef, Subject},
};

const POLICY: &str = include_str!("policy.txt");
const GROUP: &str = "rbac.authorization.k8s.io";
const AGGREGATE: &str = "rbac.authorization.k8s.io/aggregate-to-";

/// The bootstrap policy.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Policy {
    /// Cluster roles.
    pub cluster_roles: Vec<ClusterRole>,
    /// Cluster-wide bindings.
    pub cluster_role_bindings: Vec<ClusterRoleBinding>,
    /// Roles of system namespaces.
    pub roles: Vec<Role>,
    /// Bindings of system namespaces.
    pub role_bindings: Vec<RoleBinding>,
}

/// The bootstrap policy of this version.
#[must_use]
pub fn policy() -> &'static Policy {
    static PARSED: OnceLock<Policy> = OnceLock::new();
    PARSED.get_or_init(|| parse(POLICY).expect("the policy that is built in is well-formed"))
}

/// The rules of `system:node`, by which the node authorizer decides what it does not decide itself.
#[must_use]
pub fn node_rules() -> &'static [PolicyRule] {
    policy()
        .cluster_roles
        .iter()
        .find(|role| role.metadata.name == "system:node")
        .map(|role| role.rules.as_slice())
        .expect("the policy that is built in has the role of nodes")
}

fn metadata(name: &str) -> ObjectMeta {
    let (namespace, name) = name.split_once('/').unwrap_or(("", name));
    let one = |key: &str, value: &str| {
        let mut map = Map::new();
        map.insert(key, value.to_owned());
        map
    };
    ObjectMeta {
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        labels: one("kubernetes.io/bootstrapping", "rbac-defaults"),
        annotations: one("rbac.authorization.kubernetes.io/autoupdate", "true"),
        ..ObjectMeta::default()
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(|item| if item == "core" { String::new() } else { item.to_owned() })
        .collect()
}

fn rule(line: &str) -> Result<PolicyRule, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match words.as_slice() {
        [verbs, "url", urls] => Ok(PolicyRule {
            verbs: list(verbs),
            non_resource_urls: list(urls),
            ..PolicyRule::default()
        }),
        [verbs, groups, resources, names @ ..] if names.len() <= 1 => Ok(PolicyRule {
            verbs: list(verbs),
            api_groups: list(groups),
            resources: list(resources),
            resource_names: names.first().map(|names| list(names)).unwrap_or_default(),
            ..PolicyRule::default()
        }),
        _ => Err(format!("no rule: {line}")),
    }
}

fn subject(text: &str) -> Result<Subject, String> {
    let (kind, name) = text.split_once('=').ok_or_else(|| format!("no subject: {text}"))?;
    let mut subject = Subject {
        kind: kind.to_owned(),
        name: name.to_owned(),
        ..Subject::default()
    };
    if kind == "ServiceAccount" {
        let (namespace, name) = name.split_once('/').ok_or_else(|| format!("no namespace: {text}"))?;
        namespace.clone_into(&mut subject.namespace);
        name.clone_into(&mut subject.name);
    } else {
        GROUP.clone_into(&mut subject.api_group);
    }
    Ok(subject)
}

/// `NAME KIND ROLE SUBJECT...`
fn binding(words: &[&str]) -> Result<(ObjectMeta, RoleRef, Vec<Subject>), String> {
    let [name, kind, role, subjects @ ..] = words else {
        return Err(format!("no binding: {}", words.join(" ")));
    };
    let role = RoleRef {
        api_group: GROUP.to_owned(),
        kind: (*kind).to_owned(),
        name: (*role).to_owned(),
    };
    let subjects = subjects.iter().map(|text| subject(text)).collect::<Result<_, _>>()?;
    Ok((metadata(name), role, subjects))
}

fn cluster_role(words: &[&str]) -> ClusterRole {
    let mut role = ClusterRole {
        metadata: metadata(words[0]),
        ..ClusterRole::default()
    };
    for word in &words[1..] {
        if let Some(into) = word.strip_prefix("into=") {
            role.metadata
                .labels
                .insert(format!("{AGGREGATE}{into}"), "true".to_owned());
        } else if let Some(from) = word.strip_prefix("from=") {
            let mut match_labels = Map::new();
            match_labels.insert(format!("{AGGREGATE}{from}"), "true".to_owned());
            role.aggregation_rule = Some(Box::new(AggregationRule {
                cluster_role_selectors: vec![LabelSelector {
                    match_labels,
                    ..LabelSelector::default()
                }],
            }));
        }
    }
    role
}

fn parse(text: &str) -> Result<Policy, String> {
    let mut policy = Policy::default();
    let mut in_role = false;
    for line in text.lines() {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.starts_with(' ') {
            let rule = rule(line)?;
            let rules = if in_role {
                policy.roles.last_mut().map(|role| &mut role.rules)
            } else {
                policy.cluster_roles.last_mut().map(|role| &mut role.rules)
            };
            rules.ok_or_else(|| format!("a rule of no role: {line}"))?.push(rule);
            continue;
        }
        let words: Vec<&str> = line.split_whitespace().collect();
        match words.as_slice() {
            ["clusterrole", rest @ ..] if !rest.is_empty() => {
                in_role = false;
                policy.cluster_roles.push(cluster_role(rest));
            }
            ["role", name] => {
                in_role = true;
                policy.roles.push(Role {
                    metadata: metadata(name),
                    ..Role::default()
                });
            }
            ["clusterrolebinding", rest @ ..] => {
                let (metadata, role_ref, subjects) = binding(rest)?;
                policy.cluster_role_bindings.push(ClusterRoleBinding {
                    metadata,
                    role_ref,
                    subjects,
                });
            }
            ["rolebinding", rest @ ..] => {
                let (metadata, role_ref, subjects) = binding(rest)?;
                policy.role_bindings.push(RoleBinding {
                    metadata,
                    role_ref,
                    subjects,
                });
            }
            _ => return Err(format!("not understood: {line}")),
        }
    }
    Ok(policy)
}
