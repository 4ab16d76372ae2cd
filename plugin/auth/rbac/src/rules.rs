//! What a rule allows, and which rules contain which (upstream: `component-helpers/auth/rbac/validation`).

use apiserver_auth::authorization::Attributes;
use k8s_api::{primitives::quote, rbac::v1::PolicyRule};

const ALL: &str = "*";

fn has(list: &[String], item: &str) -> bool {
    list.iter().any(|one| one == item)
}

/// Whether the rule's list allows this value, or everything.
fn allows(list: &[String], item: &str) -> bool {
    list.iter().any(|one| one == ALL || one == item)
}

/// `resource/subresource` or `*/subresource`, taken apart without joining the request's.
fn resource_matches(rule: &PolicyRule, resource: &str, subresource: &str) -> bool {
    rule.resources.iter().any(|one| {
        if one == ALL {
            return true;
        }
        if subresource.is_empty() {
            return one == resource;
        }
        one.strip_suffix(subresource)
            .and_then(|rest| rest.strip_suffix('/'))
            .is_some_and(|rest| rest == ALL || rest == resource)
    })
}

fn url_matches(pattern: &str, path: &str) -> bool {
    pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

/// Whether the rule allows the request.
#[must_use]
pub fn rule_allows(attributes: &Attributes<'_>, rule: &PolicyRule) -> bool {
    if !allows(&rule.verbs, attributes.verb) {
        return false;
    }
    if !attributes.is_resource {
        return rule
            .non_resource_urls
            .iter()
            .any(|url| url_matches(url, attributes.path));
    }
    allows(&rule.api_groups, attributes.api_group)
        && resource_matches(rule, attributes.resource, attributes.subresource)
        && (rule.resource_names.is_empty() || has(&rule.resource_names, attributes.name))
}

/// Whether one of the rules allows the request.
#[must_use]
pub fn rules_allow(attributes: &Attributes<'_>, rules: &[PolicyRule]) -> bool {
    rules.iter().any(|rule| rule_allows(attributes, rule))
}

/// The same permissions as rules of one verb, one resource and at most one name each.
#[must_use]
pub fn breakdown(rule: &PolicyRule) -> Vec<PolicyRule> {
    let one = |item: &String| vec![item.clone()];
    let mut rules = Vec::new();
    for group in &rule.api_groups {
        for resource in &rule.resources {
            for verb in &rule.verbs {
                let simple = PolicyRule {
                    api_groups: one(group),
                    resources: one(resource),
                    verbs: one(verb),
                    ..PolicyRule::default()
                };
                if rule.resource_names.is_empty() {
                    rules.push(simple);
                    continue;
                }
                rules.extend(rule.resource_names.iter().map(|name| PolicyRule {
                    resource_names: one(name),
                    ..simple.clone()
                }));
            }
        }
    }
    for url in &rule.non_resource_urls {
        rules.extend(rule.verbs.iter().map(|verb| PolicyRule {
            non_resource_urls: one(url),
            verbs: one(verb),
            ..PolicyRule::default()
        }));
    }
    rules
}

fn has_all(list: &[String], items: &[String]) -> bool {
    items.iter().all(|item| has(list, item))
}

fn resources_cover(owner: &[String], servant: &[String]) -> bool {
    has(owner, ALL)
        || servant.iter().all(|path| {
            has(owner, path)
                || path
                    .split_once('/')
                    .is_some_and(|(_, subresource)| has(owner, &format!("*/{subresource}")))
        })
}

/// Whether everything that the second rule allows, the first does too. The second is one of [`breakdown`].
fn rule_covers(owner: &PolicyRule, servant: &PolicyRule) -> bool {
    let names = if servant.resource_names.is_empty() {
        owner.resource_names.is_empty()
    } else {
        owner.resource_names.is_empty() || has_all(&owner.resource_names, &servant.resource_names)
    };
    names
        && (has(&owner.verbs, ALL) || has_all(&owner.verbs, &servant.verbs))
        && (has(&owner.api_groups, ALL) || has_all(&owner.api_groups, &servant.api_groups))
        && resources_cover(&owner.resources, &servant.resources)
        && servant
            .non_resource_urls
            .iter()
            .all(|path| owner.non_resource_urls.iter().any(|url| url_matches(url, path)))
}

/// What `servant` allows and `owner` does not, broken down; nothing if the owner's rules contain the servant's.
#[must_use]
pub fn covers(owner: &[PolicyRule], servant: &[PolicyRule]) -> Vec<PolicyRule> {
    servant
        .iter()
        .flat_map(breakdown)
        .filter(|rule| !owner.iter().any(|one| rule_covers(one, rule)))
        .collect()
}

/// The rules with those of one resource, and one name at most, put together by their verbs.
#[must_use]
pub fn compact(rules: &[PolicyRule]) -> Vec<PolicyRule> {
    let is_simple = |rule: &PolicyRule| {
        rule.api_groups.len() == 1
            && rule.resources.len() == 1
            && rule.resource_names.len() <= 1
            && rule.non_resource_urls.is_empty()
    };
    let mut compacted: Vec<PolicyRule> = Vec::new();
    for rule in rules {
        let same = |one: &&mut PolicyRule| {
            is_simple(one)
                && one.api_groups == rule.api_groups
                && one.resources == rule.resources
                && one.resource_names == rule.resource_names
        };
        match compacted.iter_mut().find(same).filter(|_| is_simple(rule)) {
            Some(existing) => existing.verbs.extend(rule.verbs.iter().cloned()),
            None => compacted.push(rule.clone()),
        }
    }
    compacted
}

/// `{APIGroups:["apps"], Resources:["deployments"], Verbs:["get" "list"]}`.
#[must_use]
pub fn compact_string(rule: &PolicyRule) -> String {
    let parts: Vec<String> = [
        ("APIGroups", &rule.api_groups),
        ("Resources", &rule.resources),
        ("NonResourceURLs", &rule.non_resource_urls),
        ("ResourceNames", &rule.resource_names),
        ("Verbs", &rule.verbs),
    ]
    .into_iter()
    .filter(|(_, list)| !list.is_empty())
    .map(|(name, list)| format!("{name}:{}", go_list(list)))
    .collect();
    format!("{{{}}}", parts.join(", "))
}

/// A list as Go's `%q` prints it.
pub(crate) fn go_list(list: &[String]) -> String {
    let items: Vec<String> = list.iter().map(|item| quote(item)).collect();
    format!("[{}]", items.join(" "))
}
