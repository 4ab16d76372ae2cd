//! What validating and mutating policies and their bindings have in common.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::admissionregistration::v1::{MatchResources, ParamKind, ParamRef, Variable};

use super::{FAILURE_POLICIES, MATCH_POLICIES, rules};
use crate::common;

/// `DELETE` changes nothing that could be mutated.
const MUTATING_OPERATIONS: [&str; 4] = ["*", "CONNECT", "CREATE", "UPDATE"];

const RESERVED: [&str; 21] = [
    "true",
    "false",
    "null",
    "in",
    "as",
    "break",
    "const",
    "continue",
    "else",
    "for",
    "function",
    "if",
    "import",
    "let",
    "loop",
    "package",
    "namespace",
    "return",
    "var",
    "void",
    "while",
];

pub(super) fn set_match_defaults(resources: &mut MatchResources) {
    resources.match_policy.get_or_insert_with(|| "Equivalent".into());
    resources.namespace_selector.get_or_insert_default();
    resources.object_selector.get_or_insert_default();
    let lists = [&mut resources.resource_rules, &mut resources.exclude_resource_rules];
    for rule in lists.into_iter().flatten() {
        rule.scope.get_or_insert_with(|| "*".into());
    }
}

pub(super) fn validate_failure_policy(policy: Option<&str>, path: &Path<'_>) -> Option<Error> {
    let path = path.child("failurePolicy");
    match policy {
        None => Some(Error::required(&path, "")),
        Some(policy) => common::one_of(&path, policy, &FAILURE_POLICIES),
    }
}

pub(super) fn validate_param_kind(kind: &ParamKind, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let version = path.child("apiVersion");
    let text = &kind.api_version;
    if text.is_empty() {
        errors.push(Error::required(&version, ""));
    } else if text.matches('/').count() > 1 {
        let detail = format!("unexpected GroupVersion string: {text}");
        errors.push(Error::invalid(&version, text, detail));
    } else {
        let (group, name) = text.split_once('/').unwrap_or(("", text));
        if !group.is_empty() {
            errors.extend(joined(&version, group, &names::dns1123_subdomain(group), ""));
        }
        if name.is_empty() {
            errors.push(Error::invalid(&version, text, "version must be specified"));
        } else {
            errors.extend(joined(&version, name, &names::dns1035_label(name), ""));
        }
    }
    let path = path.child("kind");
    if kind.kind.is_empty() {
        errors.push(Error::required(&path, ""));
    } else {
        let messages = names::dns1035_label(&kind.kind.to_lowercase());
        let intro = "may have mixed case, but should otherwise match: ";
        errors.extend(joined(&path, &kind.kind, &messages, intro));
    }
    errors
}

fn joined(path: &Path<'_>, value: &str, messages: &[String], intro: &str) -> Option<Error> {
    (!messages.is_empty()).then(|| Error::invalid(path, value, format!("{intro}{}", messages.join(","))))
}

/// The constraints of a policy: there must be some.
pub(super) fn validate_constraints(constraints: Option<&MatchResources>, path: &Path<'_>) -> ErrorList {
    let path = path.child("matchConstraints");
    let Some(constraints) = constraints else {
        return Error::required(&path, "").into();
    };
    let mut errors = validate_match_resources(constraints, &path);
    if constraints.resource_rules.is_empty() {
        errors.push(Error::required(&path.child("resourceRules"), ""));
    }
    errors
}

pub(super) fn validate_match_resources(resources: &MatchResources, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let policy = path.child("matchPolicy");
    match &resources.match_policy {
        None => errors.push(Error::required(&policy, "")),
        Some(value) => errors.extend(common::one_of(&policy, value, &MATCH_POLICIES)),
    }
    for (name, selector) in [
        ("namespaceSelector", &resources.namespace_selector),
        ("objectSelector", &resources.object_selector),
    ] {
        let path = path.child(name);
        match selector {
            None => errors.push(Error::required(&path, "")),
            Some(selector) => errors.append(common::label_selector(selector, false, &path)),
        }
    }
    for (name, list) in [
        ("resourceRules", &resources.resource_rules),
        ("excludeResourceRules", &resources.exclude_resource_rules),
    ] {
        let path = path.child(name);
        for (at, rule) in list.iter().enumerate() {
            errors.append(rules::validate_named(rule, &path.index(at)));
        }
    }
    errors
}

/// The operations that something which mutates may name.
pub(super) fn validate_mutating_operations(resources: &MatchResources, path: &Path<'_>) -> ErrorList {
    let path = path.child("resourceRules");
    let path = path.child("operations");
    let operations = resources.resource_rules.iter().flat_map(|rule| &rule.operations);
    operations
        .filter_map(|operation| common::one_of(&path, operation, &MUTATING_OPERATIONS))
        .collect()
}

pub(super) fn validate_variables(variables: &[Variable], path: &Path<'_>) -> ErrorList {
    let list = path.child("variables");
    let mut errors = ErrorList::new();
    for (at, variable) in variables.iter().enumerate() {
        let path = list.index(at);
        let name = path.child("name");
        if variable.name.trim().is_empty() {
            errors.push(Error::required(&name, "name is not specified"));
        } else if !is_identifier(&variable.name) {
            errors.push(Error::invalid(&name, &variable.name, "must be a valid CEL identifier"));
        }
        if variable.expression.trim().is_empty() {
            errors.push(Error::required(
                &path.child("expression"),
                "expression is not specified",
            ));
        }
    }
    errors
}

fn is_identifier(text: &str) -> bool {
    names::c_identifier(text).is_empty() && !RESERVED.contains(&text)
}

/// The members that bindings of both kinds share.
pub(super) fn validate_binding(
    policy: &str,
    param: Option<&ParamRef>,
    resources: Option<&MatchResources>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let name = path.child("policyName");
    if policy.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        errors.invalid_each(&name, policy, names::dns1123_subdomain(policy));
    }
    if let Some(param) = param {
        errors.append(validate_param_ref(param, &path.child("paramRef")));
    }
    if let Some(resources) = resources {
        errors.append(validate_match_resources(resources, &path.child("matchResources")));
    }
    errors
}

fn validate_param_ref(param: &ParamRef, path: &Path<'_>) -> ErrorList {
    let exclusive = "name and selector are mutually exclusive";
    let (name, selector_path) = (path.child("name"), path.child("selector"));
    let mut errors = ErrorList::new();
    let named = !param.name.is_empty();
    if named {
        errors.invalid_each(&name, &param.name, names::path_segment_name(&param.name));
        if param.selector.is_some() {
            errors.push(Error::forbidden(&name, exclusive));
        }
    }
    if let Some(selector) = &param.selector {
        errors.append(common::label_selector(selector, false, &selector_path));
        if named {
            errors.push(Error::forbidden(&selector_path, exclusive));
        }
    } else if !named {
        errors.push(Error::required(path, "one of name or selector must be specified"));
    }
    let action = path.child("parameterNotFoundAction");
    match param.parameter_not_found_action.as_deref() {
        None | Some("") => errors.push(Error::required(&action, "")),
        Some(value) => errors.extend(common::one_of(&action, value, &["Deny", "Allow"])),
    }
    errors
}

/// Whether a text goes over several lines, for CEL.
pub(super) fn has_newlines(text: &str) -> bool {
    text.contains(['\n', '\r'])
}

/// The key under which an annotation of a policy appears in the audit log.
pub(super) fn validate_audit_key(policy: &str, key: &str, path: &Path<'_>) -> ErrorList {
    if policy.is_empty() {
        return Error::invalid(path, key, "requires metadata.name be non-empty").into();
    }
    common::qualified_name(path, &format!("{policy}/{key}"))
}

#[cfg(test)]
#[test]
fn identifiers() {
    for good in ["a", "_a1", "Foo"] {
        assert!(is_identifier(good), "{good:?}");
    }
    for bad in ["", "1a", "a-b", "while", "true"] {
        assert!(!is_identifier(bad), "{bad:?}");
    }
}
