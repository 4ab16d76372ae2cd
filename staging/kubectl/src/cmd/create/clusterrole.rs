//! `kubectl create clusterrole`.

use async_trait::async_trait;
use component_base::flags::{FlagSet, MapStringString};
use serde_json::{Value, json};

use cli_runtime::{Result, message};

use super::generated::{Generated, Generator, require_name};
use super::policy::{self, Policy, once};
use crate::frame::{Command, Context};

/// The command.
pub(super) static COMMAND: Command = Command {
    name: "clusterrole",
    usage: "NAME --verb=verb --resource=resource.group [--resource-name=resourcename] [--dry-run=server|client|none]",
    short: "Create a cluster role",
    long: "Create a cluster role.",
    examples: "# Reading pods
kubectl create clusterrole pod-reader --verb=get,list,watch --resource=pods

# Certain pods
kubectl create clusterrole pod-reader --verb=get --resource=pods --resource-name=readablepod --resource-name=anotherpod

# A resource of a group
kubectl create clusterrole foo --verb=get,list,watch --resource=rs.apps

# A subresource
kubectl create clusterrole foo --verb=get,list,watch --resource=pods,pods/status

# Paths that are no resources
kubectl create clusterrole \"foo\" --verb=get --non-resource-url=/logs/*

# What the cluster roles of a label allow
kubectl create clusterrole monitoring --aggregation-rule=\"rbac.example.com/aggregate-to-monitoring=true\"",
    options: Some(Generated::<ClusterRole>::options),
    ..Command::EMPTY
};

/// The verbs of paths.
const NON_RESOURCE_VERBS: [&str; 8] = ["*", "get", "post", "put", "delete", "patch", "head", "options"];

#[derive(Default)]
struct ClusterRole {
    policy: Policy,
    non_resource_urls: Vec<String>,
    aggregation_rule: MapStringString,
}

#[async_trait(?Send)]
impl Generator for ClusterRole {
    const FAILURE: &'static str = "";

    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.policy.add_flags(flags);
        flags.add(
            "non-resource-url",
            &mut self.non_resource_urls,
            "A partial url that user should have access to.",
        );
        flags.add(
            "aggregation-rule",
            &mut self.aggregation_rule,
            "An aggregation label selector for combining ClusterRoles.",
        );
    }

    async fn generate(&self, context: &Context, name: &str, _command: &[String]) -> Result<Value> {
        let (verbs, resources) = (self.policy.verbs(), self.policy.resources());
        let urls = once(&self.non_resource_urls);
        require_name(name)?;
        let mut role = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
            "metadata": {"name": name},
        });
        if !self.aggregation_rule.is_empty() {
            if !(urls.is_empty() && verbs.is_empty() && resources.is_empty()) || self.policy.has_names() {
                return Err(message!(
                    "aggregation rule must be specified without nonResourceURLs, verbs, resources or resourceNames"
                ));
            }
            role["aggregationRule"] = json!({"clusterRoleSelectors": [{"matchLabels": *self.aggregation_rule}]});
            return Ok(role);
        }
        if verbs.is_empty() {
            return Err(message!("at least one verb must be specified"));
        }
        if resources.is_empty() && urls.is_empty() {
            return Err(message!("one of resource or nonResourceURL must be specified"));
        }
        if !resources.is_empty() {
            policy::warn_of_verbs(context, &verbs)?;
            policy::check(context, &resources, &verbs).await?;
        }
        check_urls(&urls, &verbs)?;
        let mut rules = self.policy.rules(context, &verbs, &resources).await?;
        if !urls.is_empty() {
            rules.push(json!({"verbs": verbs, "nonResourceURLs": urls}));
        }
        role["rules"] = rules.into();
        Ok(role)
    }
}

/// Refuses verbs that paths do not have, and paths that are none.
fn check_urls(urls: &[&str], verbs: &[&str]) -> Result<()> {
    if urls.is_empty() {
        return Ok(());
    }
    if let Some(verb) = verbs.iter().find(|verb| !NON_RESOURCE_VERBS.contains(verb)) {
        return Err(message!("invalid verb: '{verb}' for nonResourceURL"));
    }
    for url in urls.iter().filter(|url| **url != "*") {
        if !url.starts_with('/') {
            return Err(message!("nonResourceURL should start with /"));
        }
        if url.strip_suffix('*').unwrap_or(url).contains('*') {
            return Err(message!(
                "nonResourceURL only supports wildcard matches when '*' is at the end"
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_urls;

    #[test]
    fn paths_are_checked() {
        for (url, verb, expected) in [
            ("*", "get", None),
            ("/logs/*", "*", None),
            ("/logs", "list", Some("invalid verb: 'list' for nonResourceURL")),
            ("logs", "get", Some("nonResourceURL should start with /")),
            (
                "/a*b",
                "get",
                Some("nonResourceURL only supports wildcard matches when '*' is at the end"),
            ),
        ] {
            let found = check_urls(&[url], &[verb]).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), expected, "{url}");
        }
    }
}
