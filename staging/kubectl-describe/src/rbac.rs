//! Roles and their bindings: who may do what.
//!
//! The rules are broken down to one resource each, and those that differ by their verbs are put together.

use serde_json::Value;
use std::collections::BTreeMap;

use crate::metadata;
use crate::text::{Text, put};
use crate::values::{items, text};

/// What a compact rule is about; in the order in which rules are sorted behind their verbs.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct About {
    group: Option<String>,
    resource: Option<String>,
    name: Option<String>,
    url: Option<String>,
}

/// `Role` and `ClusterRole`.
pub(crate) fn describe_role(role: &Value, out: &mut Text) {
    head(role, out);
    put!(out, 0, "PolicyRule:\n");
    put!(out, 1, "Resources\tNon-Resource URLs\tResource Names\tVerbs\n");
    put!(out, 1, "---------\t-----------------\t--------------\t-----\n");
    for (about, verbs) in compact(items(role, "/rules")) {
        let list = |one: &Option<String>| one.as_deref().map(|one| format!("[{one}]")).unwrap_or("[]".to_owned());
        put!(
            out,
            1,
            "{}\t{}\t{}\t[{}]\n",
            with_group(&about),
            list(&about.url),
            list(&about.name),
            verbs.join(" ")
        );
    }
}

/// `RoleBinding` and `ClusterRoleBinding`.
pub(crate) fn describe_binding(binding: &Value, out: &mut Text) {
    head(binding, out);
    put!(out, 0, "Role:\n");
    put!(out, 1, "Kind:\t{}\n", text(binding, "/roleRef/kind"));
    put!(out, 1, "Name:\t{}\n", text(binding, "/roleRef/name"));
    put!(out, 0, "Subjects:\n");
    put!(out, 1, "Kind\tName\tNamespace\n");
    put!(out, 1, "----\t----\t---------\n");
    for subject in items(binding, "/subjects") {
        let (kind, name) = (text(subject, "/kind"), text(subject, "/name"));
        put!(out, 1, "{kind}\t{name}\t{}\n", text(subject, "/namespace"));
    }
}

fn head(object: &Value, out: &mut Text) {
    put!(out, 0, "Name:\t{}\n", text(object, "/metadata/name"));
    metadata::labels("Labels", object.pointer("/metadata/labels"), out);
    metadata::annotations("Annotations", object.pointer("/metadata/annotations"), out);
}

fn words<'v>(rule: &'v Value, field: &str) -> Vec<&'v str> {
    items(rule, field).iter().filter_map(Value::as_str).collect()
}

/// One rule for each resource of a group by its names, and one for each URL and verb.
fn compact(rules: &[Value]) -> Vec<(About, Vec<String>)> {
    let mut resources: BTreeMap<About, Vec<String>> = BTreeMap::new();
    let mut compacted = Vec::new();
    for rule in rules {
        let verbs = words(rule, "/verbs");
        let mut names: Vec<_> = words(rule, "/resourceNames").into_iter().map(Some).collect();
        if names.is_empty() {
            names.push(None);
        }
        for group in words(rule, "/apiGroups") {
            for resource in words(rule, "/resources") {
                for (verb, name) in verbs.iter().flat_map(|verb| names.iter().map(move |name| (verb, name))) {
                    let about = About {
                        group: Some(group.to_owned()),
                        resource: Some(resource.to_owned()),
                        name: name.map(str::to_owned),
                        url: None,
                    };
                    let held = resources.entry(about).or_default();
                    if !held.iter().any(|other| other == verb) {
                        held.push((*verb).to_owned());
                    }
                }
            }
        }
        for url in words(rule, "/nonResourceURLs") {
            let about = About {
                url: Some(url.to_owned()),
                ..About::default()
            };
            compacted.extend(verbs.iter().map(|verb| (about.clone(), vec![(*verb).to_owned()])));
        }
    }
    compacted.extend(resources);
    compacted.sort_by_cached_key(sort_key);
    compacted
}

/// The text that upstream sorts rules by.
fn sort_key((about, verbs): &(About, Vec<String>)) -> String {
    let list = |one: &Option<String>| one.clone().unwrap_or_default();
    format!(
        "[{}],APIGroups:[{}],Resources:[{}],ResourceNames:[{}],NonResourceURLs:[{}],",
        verbs.join(" "),
        list(&about.group),
        list(&about.resource),
        list(&about.name),
        list(&about.url)
    )
}

/// `deployments.apps/scale`.
fn with_group(about: &About) -> String {
    let Some(resource) = &about.resource else {
        return String::new();
    };
    let (resource, subresource) = match resource.split_once('/') {
        Some((resource, subresource)) => (resource, format!("/{subresource}")),
        None => (resource.as_str(), String::new()),
    };
    match about.group.as_deref() {
        None | Some("") => format!("{resource}{subresource}"),
        Some(group) => format!("{resource}.{group}{subresource}"),
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::described;
    use serde_json::json;

    #[tokio::test]
    async fn rules_are_compact() {
        let role = json!({
            "kind": "ClusterRole", "metadata": {"name": "r"},
            "rules": [
                {"apiGroups": ["apps", ""], "resources": ["deployments/scale", "pods"], "verbs": ["get"]},
                {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "get"]},
                {"apiGroups": [""], "resources": ["secrets"], "resourceNames": ["a", "b"], "verbs": ["get"]},
                {"nonResourceURLs": ["/healthz"], "verbs": ["get", "post"]},
            ],
        });
        assert_eq!(
            described("rbac.authorization.k8s.io", &role, Vec::new()).await,
            "Name:         r
Labels:       <none>
Annotations:  <none>
PolicyRule:
  Resources               Non-Resource URLs  Resource Names  Verbs
  ---------               -----------------  --------------  -----
  pods                    []                 []              [get list]
                          [/healthz]         []              [get]
  deployments/scale       []                 []              [get]
  secrets                 []                 [a]             [get]
  secrets                 []                 [b]             [get]
  deployments.apps/scale  []                 []              [get]
  pods.apps               []                 []              [get]
                          [/healthz]         []              [post]
"
        );
    }
}
