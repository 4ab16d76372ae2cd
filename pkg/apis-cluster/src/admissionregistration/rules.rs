//! Which requests a webhook or policy is asked about.

use std::collections::HashSet;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::admissionregistration::v1::{MatchCondition, NamedRuleWithOperations, RuleWithOperations};

use crate::common;

const OPERATIONS: [&str; 5] = ["*", "CONNECT", "CREATE", "DELETE", "UPDATE"];
const MAX_MATCH_CONDITIONS: usize = 64;

/// The members that the two kinds of rule have in common.
#[derive(Clone, Copy)]
pub(super) struct Rule<'a> {
    api_groups: &'a [String],
    api_versions: &'a [String],
    operations: &'a [String],
    resources: &'a [String],
    scope: Option<&'a str>,
}

impl<'a> From<&'a RuleWithOperations> for Rule<'a> {
    fn from(rule: &'a RuleWithOperations) -> Self {
        Self {
            api_groups: &rule.api_groups,
            api_versions: &rule.api_versions,
            operations: &rule.operations,
            resources: &rule.resources,
            scope: rule.scope.as_deref(),
        }
    }
}

impl<'a> From<&'a NamedRuleWithOperations> for Rule<'a> {
    fn from(rule: &'a NamedRuleWithOperations) -> Self {
        Self {
            api_groups: &rule.api_groups,
            api_versions: &rule.api_versions,
            operations: &rule.operations,
            resources: &rule.resources,
            scope: rule.scope.as_deref(),
        }
    }
}

/// Something is needed, and `*` stands alone.
fn validate_list(list: &[String], what: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if list.is_empty() {
        errors.push(Error::required(path, ""));
    }
    if list.len() > 1 && list.iter().any(|item| item == "*") {
        let detail = format!("if '*' is present, must not specify other {what}");
        errors.push(Error::invalid(path, BadValue::json(&list), detail));
    }
    errors
}

pub(super) fn validate<'a>(rule: impl Into<Rule<'a>>, path: &Path<'_>) -> ErrorList {
    let rule = rule.into();
    let list = path.child("operations");
    let mut errors = validate_list(rule.operations, "operations", &list);
    for (at, operation) in rule.operations.iter().enumerate() {
        errors.extend(common::one_of(&list.index(at), operation, &OPERATIONS));
    }
    errors.append(validate_list(rule.api_groups, "API groups", &path.child("apiGroups")));
    let list = path.child("apiVersions");
    errors.append(validate_list(rule.api_versions, "API versions", &list));
    for (at, version) in rule.api_versions.iter().enumerate() {
        if version.is_empty() {
            errors.push(Error::required(&list.index(at), ""));
        }
    }
    errors.append(validate_resources(rule.resources, &path.child("resources")));
    if let Some(scope) = rule.scope {
        errors.extend(common::one_of(
            &path.child("scope"),
            scope,
            &["*", "Cluster", "Namespaced"],
        ));
    }
    errors
}

fn validate_resources(resources: &[String], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if resources.is_empty() {
        errors.push(Error::required(path, ""));
    }
    let (mut every_subresource_of, mut every_resource_with) = (HashSet::new(), HashSet::new());
    // As upstream has it, the last entry without a subresource decides.
    let mut plain = false;
    for (at, resource) in resources.iter().enumerate() {
        let path = path.index(at);
        if resource.is_empty() {
            errors.push(Error::required(&path, ""));
            continue;
        }
        let Some((name, subresource)) = resource.split_once('/') else {
            plain = resource != "*";
            continue;
        };
        if every_subresource_of.contains(name) {
            let detail = format!("if '{name}/*' is present, must not specify {resource}");
            errors.push(Error::invalid(&path, resource, detail));
        }
        if every_resource_with.contains(subresource) {
            let detail = format!("if '*/{subresource}' is present, must not specify {resource}");
            errors.push(Error::invalid(&path, resource, detail));
        }
        if subresource == "*" {
            every_subresource_of.insert(name);
        }
        if name == "*" {
            every_resource_with.insert(subresource);
        }
    }
    let has = |wanted: &str| resources.iter().any(|resource| resource == wanted);
    if resources.len() > 1 && has("*/*") {
        let detail = "if '*/*' is present, must not specify other resources";
        errors.push(Error::invalid(path, BadValue::json(&resources), detail));
    }
    if has("*") && plain {
        let detail = "if '*' is present, must not specify other resources without subresources";
        errors.push(Error::invalid(path, BadValue::json(&resources), detail));
    }
    errors
}

pub(super) fn validate_named(rule: &NamedRuleWithOperations, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let list = path.child("resourceNames");
    let mut seen = HashSet::new();
    for (at, name) in rule.resource_names.iter().enumerate() {
        let path = list.index(at);
        errors.invalid_each(&path, name, names::path_segment_name(name));
        if !seen.insert(name) {
            errors.push(Error::duplicate(&path, name));
        }
    }
    errors.append(validate(rule, path));
    errors
}

pub(super) fn validate_match_conditions(conditions: &[MatchCondition], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if conditions.len() > MAX_MATCH_CONDITIONS {
        errors.push(Error::too_many(path, conditions.len(), MAX_MATCH_CONDITIONS));
    }
    let mut seen = HashSet::new();
    for (at, condition) in conditions.iter().enumerate() {
        let path = path.index(at);
        if condition.expression.trim().is_empty() {
            errors.push(Error::required(&path.child("expression"), ""));
        }
        let name = path.child("name");
        if condition.name.is_empty() {
            errors.push(Error::required(&name, ""));
            continue;
        }
        errors.append(common::qualified_name(&name, &condition.name));
        if !seen.insert(&condition.name) {
            errors.push(Error::duplicate(&name, &condition.name));
        }
    }
    errors
}
