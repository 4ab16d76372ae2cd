//! The rules of `role` and `clusterrole`: verbs on resources (upstream: `generateResourcePolicyRules`).

use std::collections::BTreeMap;

use component_base::flags::{FlagSet, StringArray};
use k8s_api::primitives::quote;
use serde_json::{Value, json};

use cli_runtime::{CommandError, Result, message};

use crate::frame::Context;

/// The verbs that the API server knows of resources.
const RESOURCE_VERBS: [&str; 14] = [
    "*",
    "get",
    "delete",
    "list",
    "create",
    "update",
    "patch",
    "watch",
    "proxy",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
];

/// The verbs that only some resources have: verb, group, resource.
const SPECIAL_VERBS: [(&str, &str, &str); 10] = [
    ("use", "policy", "podsecuritypolicies"),
    ("use", "extensions", "podsecuritypolicies"),
    ("bind", "rbac.authorization.k8s.io", "roles"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    ("escalate", "rbac.authorization.k8s.io", "roles"),
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("impersonate", "", "users"),
    ("impersonate", "", "serviceaccounts"),
    ("impersonate", "", "groups"),
    ("impersonate", "authentication.k8s.io", "userextras"),
];

/// The flags about resources.
#[derive(Default)]
pub(super) struct Policy {
    verbs: Vec<String>,
    resources: Vec<String>,
    names: StringArray,
}

/// `RESOURCE[.GROUP][/SUBRESOURCE]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Resource<'r> {
    name: &'r str,
    group: &'r str,
    subresource: &'r str,
}

impl<'r> Resource<'r> {
    fn parse(text: &'r str) -> Self {
        let (full, subresource) = text.split_once('/').unwrap_or((text, ""));
        let (name, group) = full.split_once('.').unwrap_or((full, ""));
        Self {
            name,
            group,
            subresource,
        }
    }

    /// Group and resource as the server has them; the error if it does not.
    async fn served(&self, context: &Context) -> Result<(String, String)> {
        let text = match self.group {
            "" => self.name.to_owned(),
            group => format!("{}.{group}", self.name),
        };
        let found = context.factory.find(|mapper| mapper.find(&text)).await;
        match found {
            Ok(found) if self.group.is_empty() || found.group == self.group => {
                Ok((found.group.clone(), found.name.clone()))
            }
            Ok(_) | Err(CommandError::Message(_)) => Err(CommandError::Verbatim(match self.group {
                "" => format!("the server doesn't have a resource type {}", quote(self.name)),
                group => format!(
                    "the server doesn't have a resource type {} in group {}",
                    quote(self.name),
                    quote(group)
                ),
            })),
            Err(other) => Err(other),
        }
    }

    /// The same; as it was written if the server does not have it.
    async fn named(&self, context: &Context) -> (String, String) {
        let served = self.served(context).await;
        served.unwrap_or_else(|_| (self.group.to_owned(), self.name.to_owned()))
    }
}

/// Each element once.
pub(super) fn once<'v>(values: impl IntoIterator<Item = &'v String>) -> Vec<&'v str> {
    let mut found: Vec<&str> = Vec::new();
    for value in values {
        if !found.contains(&value.as_str()) {
            found.push(value);
        }
    }
    found
}

impl Policy {
    /// Lends the fields.
    pub(super) fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add(
            "verb",
            &mut self.verbs,
            "Verb that applies to the resources contained in the rule",
        );
        flags.add("resource", &mut self.resources, "Resource that the rule applies to");
        flags.add(
            "resource-name",
            &mut self.names,
            "Resource in the white list that the rule applies to, repeat this flag for multiple items",
        );
    }

    /// The verbs; `*` stands for all.
    pub(super) fn verbs(&self) -> Vec<&str> {
        if self.verbs.iter().any(|verb| verb == "*") {
            return vec!["*"];
        }
        once(&self.verbs)
    }

    /// The resources; `*` stands for all.
    pub(super) fn resources(&self) -> Vec<Resource<'_>> {
        if self.resources.iter().any(|resource| resource == "*") {
            return vec![Resource::parse("*")];
        }
        self.resources.iter().map(|text| Resource::parse(text)).collect()
    }

    /// Whether names of objects are given.
    pub(super) fn has_names(&self) -> bool {
        !self.names.is_empty()
    }

    /// A rule for each group.
    ///
    /// # Errors
    /// None; what the server does not have stays as it was written.
    pub(super) async fn rules(
        &self,
        context: &Context,
        verbs: &[&str],
        resources: &[Resource<'_>],
    ) -> Result<Vec<Value>> {
        let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for resource in resources {
            let (group, mut name) = resource.named(context).await;
            if !resource.subresource.is_empty() {
                name = format!("{name}/{}", resource.subresource);
            }
            let names = groups.entry(group).or_default();
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let names = once(&*self.names);
        let rule = |(group, resources)| json!({"verbs": verbs, "apiGroups": [group], "resources": resources, "resourceNames": names});
        Ok(groups.into_iter().map(rule).collect())
    }
}

/// Says which verbs nobody knows.
///
/// # Errors
/// Nobody reads it.
pub(super) fn warn_of_verbs(context: &Context, verbs: &[&str]) -> Result<()> {
    for verb in verbs.iter().filter(|verb| !RESOURCE_VERBS.contains(*verb)) {
        let warning = format!("Warning: '{verb}' is not a standard resource verb\n");
        context.streams.err.print(warning)?;
    }
    Ok(())
}

/// Refuses resources that there are not, and verbs that they do not have.
///
/// # Errors
/// One of the two.
pub(super) async fn check(context: &Context, resources: &[Resource<'_>], verbs: &[&str]) -> Result<()> {
    for resource in resources {
        if resource.name.is_empty() {
            return Err(message!("resource must be specified if apiGroup/subresource specified"));
        }
        if resource.name == "*" {
            return Ok(());
        }
        let (mut served, mut absent) = ((resource.group.to_owned(), resource.name.to_owned()), None);
        match resource.served(context).await {
            Ok(found) => served = found,
            Err(error) => absent = Some(error),
        }
        let (group, name) = &served;
        for verb in verbs {
            let mut special = SPECIAL_VERBS.iter().filter(|(known, ..)| known == verb).peekable();
            if special.peek().is_none() {
                continue;
            }
            if !special.any(|(_, known, resource)| known == group && resource == name) {
                return Err(message!("can not perform '{verb}' on '{name}' in group '{group}'"));
            }
            absent = None;
        }
        if let Some(error) = absent {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resources_have_groups_and_subresources() {
        for (text, name, group, subresource) in [
            ("pods", "pods", "", ""),
            ("rs.apps/scale", "rs", "apps", "scale"),
            ("a.b.c", "a", "b.c", ""),
            ("/x", "", "", "x"),
        ] {
            let expected = Resource {
                name,
                group,
                subresource,
            };
            assert_eq!(Resource::parse(text), expected);
        }
    }

    #[test]
    fn a_star_stands_for_all() {
        let policy = Policy {
            verbs: ["get", "get", "list"].map(str::to_owned).to_vec(),
            resources: ["pods", "*"].map(str::to_owned).to_vec(),
            ..Policy::default()
        };
        assert_eq!(policy.verbs(), ["get", "list"]);
        assert_eq!(policy.resources(), [Resource::parse("*")]);
    }
}
