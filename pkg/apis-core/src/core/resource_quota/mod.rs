//! Resource quotas.

#[cfg(test)]
mod tests;

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::resources;
use apis_pod::resources::round_up_list;
use k8s_api::{
    Map,
    core::v1::{ResourceQuota, ResourceQuotaSpec, ScopeSelector, ScopedResourceSelectorRequirement},
    primitives::Quantity,
};

use crate::{
    go_value::{GoValue, named, strings},
    meta::{self, NameRule},
    shared::IMMUTABLE,
};

const METADATA: Path<'static> = Path::new("metadata");

/// Sets the defaults of a resource quota.
pub fn set_defaults(quota: &mut ResourceQuota) {
    round_up_list(&mut quota.spec.hard);
    round_up_list(&mut quota.status.hard);
    round_up_list(&mut quota.status.used);
}

/// Checks a new resource quota.
#[must_use]
pub fn validate(quota: &ResourceQuota) -> ErrorList {
    let mut errors = meta::validate_object_meta(&quota.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(&quota.spec, &mut errors);
    validate_status(quota, &mut errors);
    errors
}

/// Checks an update of a resource quota.
#[must_use]
pub fn validate_update(quota: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&quota.metadata, &old.metadata, &METADATA);
    validate_spec(&quota.spec, &mut errors);
    let all_in = |a: &[String], b: &[String]| a.iter().all(|scope| b.contains(scope));
    let (scopes, before) = (&quota.spec.scopes, &old.spec.scopes);
    if !all_in(scopes, before) || !all_in(before, scopes) {
        errors.push(Error::invalid(&Path::new("spec.scopes"), strings(scopes), IMMUTABLE));
    }
    errors
}

/// Checks an update of a resource quota's status.
#[must_use]
pub fn validate_status_update(quota: &ResourceQuota, old: &ResourceQuota) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&quota.metadata, &old.metadata, &METADATA);
    if quota.metadata.resource_version.is_empty() {
        errors.push(Error::required(&Path::new("resourceVersion"), ""));
    }
    validate_status(quota, &mut errors);
    errors
}

fn validate_list(list: &Map<Quantity>, path: &Path<'_>, errors: &mut ErrorList) {
    for (name, quantity) in list {
        let path = path.key(name);
        errors.append(resources::validate_quota_name(name, &path));
        errors.append(resources::validate_quantity(name, quantity, &path));
    }
}

fn validate_status(quota: &ResourceQuota, errors: &mut ErrorList) {
    validate_list(&quota.status.hard, &Path::new("status.hard"), errors);
    validate_list(&quota.status.used, &Path::new("status.used"), errors);
}

fn validate_spec(spec: &ResourceQuotaSpec, errors: &mut ErrorList) {
    validate_list(&spec.hard, &Path::new("spec.hard"), errors);
    let path = Path::new("spec.scopes");
    for scope in &spec.scopes {
        if !is_standard_scope(scope) {
            errors.push(Error::invalid(&path, strings(&spec.scopes), "unsupported scope"));
        }
        for _ in unsuitable(scope, spec) {
            errors.push(Error::invalid(
                &path,
                strings(&spec.scopes),
                "unsupported scope applied to resource",
            ));
        }
    }
    validate_conflicts(
        spec,
        |name| spec.scopes.iter().any(|scope| scope == name),
        &path,
        errors,
    );
    if let Some(selector) = &spec.scope_selector {
        validate_selector(
            spec,
            selector,
            &Path::new("spec.scopeSelector.matchExpressions"),
            errors,
        );
    }
}

fn is_standard_scope(scope: &str) -> bool {
    matches!(
        scope,
        "Terminating"
            | "NotTerminating"
            | "BestEffort"
            | "NotBestEffort"
            | "PriorityClass"
            | "VolumeAttributesClass"
            | "CrossNamespacePodAffinity"
    )
}

/// The standard resources of the quota that the scope says nothing about.
fn unsuitable<'a>(scope: &'a str, spec: &'a ResourceQuotaSpec) -> impl Iterator<Item = &'a String> {
    spec.hard
        .keys()
        .filter(move |name| resources::is_standard_quota(name) && !suits(scope, name))
}

fn suits(scope: &str, resource: &str) -> bool {
    match scope {
        "Terminating" | "NotTerminating" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity" => {
            matches!(
                resource,
                "pods" | "cpu" | "memory" | "limits.cpu" | "limits.memory" | "requests.cpu" | "requests.memory"
            )
        }
        "BestEffort" => resource == "pods",
        "VolumeAttributesClass" => matches!(resource, "persistentvolumeclaims" | "requests.storage"),
        _ => true,
    }
}

fn validate_conflicts(spec: &ResourceQuotaSpec, has: impl Fn(&str) -> bool, path: &Path<'_>, errors: &mut ErrorList) {
    for (one, other) in [("BestEffort", "NotBestEffort"), ("Terminating", "NotTerminating")] {
        if has(one) && has(other) {
            errors.push(Error::invalid(path, strings(&spec.scopes), "conflicting scopes"));
        }
    }
}

fn validate_selector(spec: &ResourceQuotaSpec, selector: &ScopeSelector, path: &Path<'_>, errors: &mut ErrorList) {
    for requirement in &selector.match_expressions {
        let scope = requirement.scope_name.as_str();
        if !is_standard_scope(scope) {
            errors.push(Error::invalid(
                &path.child("scopeName"),
                named(scope),
                "unsupported scope",
            ));
        }
        for _ in unsuitable(scope, spec) {
            let shown = show_selector(selector).bad_value();
            errors.push(Error::invalid(path, shown, "unsupported scope applied to resource"));
        }
        validate_operator(requirement, path, errors);
    }
    let has = |name: &str| {
        selector
            .match_expressions
            .iter()
            .any(|requirement| requirement.scope_name == name)
    };
    validate_conflicts(spec, has, path, errors);
}

fn validate_operator(requirement: &ScopedResourceSelectorRequirement, path: &Path<'_>, errors: &mut ErrorList) {
    const EXISTS_ONLY: &str = "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity";
    let operator = requirement.operator.as_str();
    let of_pods = matches!(
        requirement.scope_name.as_str(),
        "BestEffort" | "NotBestEffort" | "Terminating" | "NotTerminating" | "CrossNamespacePodAffinity"
    );
    if of_pods && operator != "Exists" {
        errors.push(Error::invalid(&path.child("operator"), named(operator), EXISTS_ONLY));
    }
    let values = path.child("values");
    match operator {
        "In" | "NotIn" if requirement.values.is_empty() => errors.push(Error::required(
            &values,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
        )),
        "Exists" | "DoesNotExist" if !requirement.values.is_empty() => errors.push(Error::invalid(
            &values,
            strings(&requirement.values),
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ => errors.push(Error::invalid(
            &path.child("operator"),
            named(operator),
            "not a valid selector operator",
        )),
    }
}

fn show_selector(selector: &ScopeSelector) -> GoValue {
    let requirement = |requirement: &ScopedResourceSelectorRequirement| {
        GoValue::object([
            ("ScopeName", (&requirement.scope_name).into()),
            ("Operator", (&requirement.operator).into()),
            ("Values", (&requirement.values).into()),
        ])
    };
    GoValue::object([(
        "MatchExpressions",
        GoValue::list(&selector.match_expressions, requirement),
    )])
}

/// Warnings about a new quota: requests that are bounded above the limits.
#[must_use]
pub fn warnings(quota: &ResourceQuota) -> Vec<String> {
    let hard = &quota.spec.hard;
    let mut warnings = Vec::new();
    for name in ["cpu", "memory", "storage", "ephemeral-storage"] {
        let limit_name = format!("limits.{name}");
        let mut request_name = format!("requests.{name}");
        let mut request = hard.get(&request_name);
        if request.is_none() && matches!(name, "cpu" | "memory") {
            request = hard.get(name);
            name.clone_into(&mut request_name);
        }
        if let (Some(request), Some(limit)) = (request, hard.get(&limit_name))
            && request > limit
        {
            warnings.push(format!(
                "ResourceQuota {request_name} ({request}) should be less than {limit_name} ({limit})"
            ));
        }
    }
    warnings
}
