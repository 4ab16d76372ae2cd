//! Who and what a flow schema matches.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::flowcontrol::v1::{
    NonResourcePolicyRule, PolicyRulesWithSubjects, ResourcePolicyRule, ServiceAccountSubject, Subject,
};

const VERBS: [&str; 9] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "proxy",
    "update",
    "watch",
];

fn has_wildcard(list: &[String]) -> bool {
    list.iter().any(|item| item == "*")
}

pub(super) fn validate(rule: &PolicyRulesWithSubjects, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let subjects = path.child("subjects");
    if rule.subjects.is_empty() {
        errors.push(Error::required(&subjects, "subjects must contain at least one value"));
    }
    for (at, subject) in rule.subjects.iter().enumerate() {
        errors.append(validate_subject(subject, &subjects.index(at)));
    }
    if rule.resource_rules.is_empty() && rule.non_resource_rules.is_empty() {
        let detail = "at least one of resourceRules and nonResourceRules has to be non-empty";
        errors.push(Error::required(path, detail));
    }
    let list = path.child("resourceRules");
    for (at, rule) in rule.resource_rules.iter().enumerate() {
        errors.append(validate_resource_rule(rule, &list.index(at)));
    }
    let list = path.child("nonResourceRules");
    for (at, rule) in rule.non_resource_rules.iter().enumerate() {
        errors.append(validate_url_rule(rule, &list.index(at)));
    }
    errors
}

fn validate_subject(subject: &Subject, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (user, group) = (subject.user.as_deref(), subject.group.as_deref());
    let account = subject.service_account.as_deref();
    match subject.kind.as_str() {
        "ServiceAccount" => errors.append(validate_service_account(account, &path.child("serviceAccount"))),
        "User" => errors.extend(validate_name("user", "User", user.map(|user| &user.name), path)),
        "Group" => errors.extend(validate_name("group", "Group", group.map(|group| &group.name), path)),
        other => {
            let kinds = ["Group", "ServiceAccount", "User"];
            errors.push(Error::not_supported(&path.child("kind"), other, &kinds));
            return errors;
        }
    }
    for (member, kind, present) in [
        ("serviceAccount", "ServiceAccount", account.is_some()),
        ("user", "User", user.is_some()),
        ("group", "Group", group.is_some()),
    ] {
        if present && subject.kind != kind {
            let detail = format!("{member} is forbidden when subject kind is not '{kind}'");
            errors.push(Error::forbidden(&path.child(member), detail));
        }
    }
    errors
}

fn validate_name(member: &str, kind: &str, name: Option<&String>, path: &Path<'_>) -> Option<Error> {
    let path = path.child(member);
    match name {
        None => {
            let detail = format!("{member} is required when subject kind is '{kind}'");
            Some(Error::required(&path, detail))
        }
        Some(name) if name.is_empty() => Some(Error::required(&path.child("name"), "")),
        Some(_) => None,
    }
}

fn validate_service_account(account: Option<&ServiceAccountSubject>, path: &Path<'_>) -> ErrorList {
    let Some(account) = account else {
        let detail = "serviceAccount is required when subject kind is 'ServiceAccount'";
        return Error::required(path, detail).into();
    };
    let mut errors = ErrorList::new();
    let name = path.child("name");
    match account.name.as_str() {
        "" => errors.push(Error::required(&name, "")),
        "*" => {}
        other => errors.invalid_each(&name, other, names::dns1123_subdomain(other)),
    }
    let namespace = path.child("namespace");
    match account.namespace.as_str() {
        "" => errors.push(Error::required(
            &namespace,
            "must specify namespace for service account",
        )),
        other => errors.invalid_each(&namespace, other, names::dns1123_label(other)),
    }
    errors
}

fn validate_verbs(verbs: &[String], path: &Path<'_>) -> Option<Error> {
    if verbs.is_empty() {
        return Some(Error::required(path, "verbs must contain at least one value"));
    }
    if has_wildcard(verbs) {
        return alone(verbs, path, "if '*' is present, must not specify other verbs");
    }
    let known = verbs.iter().all(|verb| VERBS.contains(&verb.as_str()));
    (!known).then(|| Error::not_supported(path, BadValue::json(&verbs), &VERBS))
}

fn alone(list: &[String], path: &Path<'_>, detail: &str) -> Option<Error> {
    (list.len() > 1 && has_wildcard(list)).then(|| Error::invalid(path, BadValue::json(&list), detail))
}

fn validate_resource_rule(rule: &ResourcePolicyRule, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.extend(validate_verbs(&rule.verbs, &path.child("verbs")));
    for (member, what, plural, list) in [
        ("apiGroups", "api group", "api groups", &rule.api_groups),
        ("resources", "resource", "resources", &rule.resources),
    ] {
        let path = path.child(member);
        if list.is_empty() {
            let detail = format!("resource rules must supply at least one {what}");
            errors.push(Error::required(&path, detail));
        }
        let detail = format!("if '*' is present, must not specify other {plural}");
        errors.extend(alone(list, &path, &detail));
    }
    let path = path.child("namespaces");
    if rule.namespaces.is_empty() && !rule.cluster_scope {
        let detail = "resource rules that are not cluster scoped must supply at least one namespace";
        errors.push(Error::required(&path, detail));
    } else if has_wildcard(&rule.namespaces) {
        errors.extend(alone(
            &rule.namespaces,
            &path,
            "if '*' is present, must not specify other namespaces",
        ));
    } else {
        for (at, namespace) in rule.namespaces.iter().enumerate() {
            let messages = names::dns1123_label(namespace).into_iter();
            let messages = messages.map(|m| format!("each member of this list must be '*' or a DNS-1123 label; {m}"));
            errors.invalid_each(&path.index(at), namespace, messages);
        }
    }
    errors
}

fn validate_url_rule(rule: &NonResourcePolicyRule, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.extend(validate_verbs(&rule.verbs, &path.child("verbs")));
    let path = path.child("nonResourceURLs");
    let urls = &rule.non_resource_urls;
    if urls.is_empty() {
        errors.push(Error::required(
            &path,
            "nonResourceURLs must contain at least one value",
        ));
    } else if has_wildcard(urls) {
        errors.extend(alone(
            urls,
            &path,
            "if '*' is present, must not specify other non-resource URLs",
        ));
    } else {
        for (at, url) in urls.iter().enumerate() {
            errors.extend(url_fault(url).map(|detail| Error::invalid(&path.index(at), url, detail)));
        }
    }
    errors
}

/// The first fault of a path; `*` may stand at its end, as a segment of its own.
fn url_fault(url: &str) -> Option<&'static str> {
    if url.is_empty() {
        return Some("must not be empty");
    }
    if url == "/" {
        return None;
    }
    if !url.starts_with('/') {
        return Some("must start with slash");
    }
    if url.contains(' ') {
        return Some("must not contain white-space");
    }
    if url.contains("//") {
        return Some("must not contain double slash");
    }
    let stars = url.matches('*').count();
    (stars > 1 || (stars == 1 && !url.ends_with("/*"))).then_some("wildcard can only do suffix matching")
}
