//! `rbac.authorization.k8s.io`: roles and their bindings.
//!
//! Names may be any segment of a path, because tools have always used colons in them.

pub mod cluster_role;
pub mod cluster_role_binding;
pub mod role;
pub mod role_binding;
#[cfg(test)]
mod tests;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::rbac::v1::{PolicyRule, RoleRef, Subject};

use crate::{common, go};

/// The API group.
pub const GROUP: &str = "rbac.authorization.k8s.io";

fn set_role_ref_defaults(role_ref: &mut RoleRef) {
    if role_ref.api_group.is_empty() {
        GROUP.clone_into(&mut role_ref.api_group);
    }
}

fn set_subject_defaults(subjects: &mut [Subject]) {
    for subject in subjects {
        if subject.api_group.is_empty() && matches!(subject.kind.as_str(), "User" | "Group") {
            GROUP.clone_into(&mut subject.api_group);
        }
    }
}

/// Every fault of one rule; rules in a namespace cannot speak of URLs.
#[must_use]
pub fn validate_policy_rule(rule: &PolicyRule, namespaced: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if rule.verbs.is_empty() {
        errors.push(Error::required(
            &path.child("verbs"),
            "verbs must contain at least one value",
        ));
    }
    if !rule.non_resource_urls.is_empty() {
        let urls = path.child("nonResourceURLs");
        let mut refuse = |detail: &str| {
            errors.push(Error::invalid(&urls, BadValue::json(&rule.non_resource_urls), detail));
        };
        if namespaced {
            refuse("namespaced rules cannot apply to non-resource URLs");
        }
        if !(rule.api_groups.is_empty() && rule.resources.is_empty() && rule.resource_names.is_empty()) {
            refuse("rules cannot apply to both regular resources and non-resource URLs");
        }
        return errors;
    }
    if rule.api_groups.is_empty() {
        let detail = "resource rules must supply at least one api group";
        errors.push(Error::required(&path.child("apiGroups"), detail));
    }
    if rule.resources.is_empty() {
        let detail = "resource rules must supply at least one resource";
        errors.push(Error::required(&path.child("resources"), detail));
    }
    errors
}

fn validate_rules(rules: &[PolicyRule], namespaced: bool) -> ErrorList {
    let path = Path::new("rules");
    rules
        .iter()
        .enumerate()
        .flat_map(|(at, rule)| validate_policy_rule(rule, namespaced, &path.index(at)))
        .collect()
}

fn validate_role_ref(role_ref: &RoleRef, kinds: &[&str]) -> ErrorList {
    let path = Path::new("roleRef");
    let mut errors = ErrorList::new();
    errors.extend(common::one_of(&path.child("apiGroup"), &role_ref.api_group, &[GROUP]));
    errors.extend(common::one_of(&path.child("kind"), &role_ref.kind, kinds));
    let name = path.child("name");
    if role_ref.name.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        errors.invalid_each(&name, &role_ref.name, names::path_segment_name(&role_ref.name));
    }
    errors
}

fn validate_role_ref_update(new: &RoleRef, old: &RoleRef) -> Option<Error> {
    (new != old).then(|| {
        let shown = go::Struct::new()
            .field("APIGroup", &new.api_group)
            .field("Kind", &new.kind)
            .field("Name", &new.name);
        Error::invalid(&Path::new("roleRef"), shown.bad_value(), "cannot change roleRef")
    })
}

fn validate_subjects(subjects: &[Subject], namespaced: bool) -> ErrorList {
    let path = Path::new("subjects");
    subjects
        .iter()
        .enumerate()
        .flat_map(|(at, subject)| validate_subject(subject, namespaced, &path.index(at)))
        .collect()
}

fn validate_subject(subject: &Subject, namespaced: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let (name, group) = (path.child("name"), path.child("apiGroup"));
    if subject.name.is_empty() {
        errors.push(Error::required(&name, ""));
    }
    match subject.kind.as_str() {
        "ServiceAccount" => {
            if !subject.name.is_empty() {
                errors.invalid_each(&name, &subject.name, names::dns1123_subdomain(&subject.name));
            }
            errors.extend(common::one_of(&group, &subject.api_group, &[""]));
            if !namespaced && subject.namespace.is_empty() {
                errors.push(Error::required(&path.child("namespace"), ""));
            }
        }
        "User" | "Group" => errors.extend(common::one_of(&group, &subject.api_group, &[GROUP])),
        other => {
            let kinds = ["ServiceAccount", "User", "Group"];
            errors.push(Error::not_supported(&path.child("kind"), other, &kinds));
        }
    }
    errors
}
