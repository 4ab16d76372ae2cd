//! What a container, or a pod as a whole, requests and is limited to.

use std::collections::BTreeSet;

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::{
    core::v1::{ResourceClaim, ResourceRequirements},
    primitives::Quantity,
};

use super::{is_huge_page, names};
use crate::rules::dns_label;

/// Whose requirements they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// A container's, or a pod's overhead.
    Container,
    /// A pod's as a whole.
    Pod,
}

impl Scope {
    fn validate_name(self, name: &str, path: &Path<'_>) -> ErrorList {
        match self {
            Self::Container => names::validate_container_name(name, path),
            Self::Pod => names::validate_pod_level_name(name, path),
        }
    }
}

/// What has been found among the names of a list.
#[derive(Default)]
struct Found {
    compute: bool,
    pages: bool,
}

/// Checks requirements. `claims` are the claims that the pod has; `partial_pages` lets quantities
/// of huge pages through that are no multiples of their size.
#[must_use]
pub fn validate_requirements(
    requirements: &ResourceRequirements,
    scope: Scope,
    claims: &BTreeSet<&str>,
    partial_pages: bool,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut found = Found::default();
    let (limits_path, requests_path) = (path.child("limits"), path.child("requests"));
    let mut pages = |name: &str, quantity: &Quantity, path: &Path<'_>| {
        found.compute |= matches!(name, "cpu" | "memory");
        if !is_huge_page(name) {
            return None;
        }
        found.pages = true;
        let fault = !partial_pages && !names::is_whole_pages(name, quantity);
        fault.then(|| {
            let detail = format!("{quantity} is not positive integer multiple of {name}");
            Error::invalid(path, quantity.to_string(), detail)
        })
    };
    for (name, quantity) in &requirements.limits {
        let path = limits_path.key(name);
        errors.append(scope.validate_name(name, &path));
        errors.append(names::validate_quantity(name, quantity, &path));
        errors.extend(pages(name, quantity, &path));
    }
    for (name, quantity) in &requirements.requests {
        let path = requests_path.key(name);
        errors.append(scope.validate_name(name, &path));
        errors.append(names::validate_quantity(name, quantity, &path));
        errors.extend(match requirements.limits.get(name) {
            Some(limit) => over_limit(name, quantity, limit, &requests_path),
            None if names::is_overcommit_allowed(name) => None,
            None => Some(Error::required(
                &limits_path,
                "Limit must be set for non overcommitable resources",
            )),
        });
        errors.extend(pages(name, quantity, &path));
    }
    if found.pages && !found.compute {
        errors.push(Error::forbidden(path, "HugePages require cpu or memory"));
    }
    errors.append(validate_claims(&requirements.claims, claims, &path.child("claims")));
    errors
}

fn over_limit(name: &str, request: &Quantity, limit: &Quantity, path: &Path<'_>) -> Option<Error> {
    let relation = if request != limit && !names::is_overcommit_allowed(name) {
        "equal to"
    } else if request > limit {
        "less than or equal to"
    } else {
        return None;
    };
    let detail = format!("must be {relation} {name} limit of {limit}");
    Some(Error::invalid(path, request.to_string(), detail))
}

/// Checks references to the pod's claims: each claim once, or some of its requests once each.
fn validate_claims(references: &[ResourceClaim], claims: &BTreeSet<&str>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen: BTreeSet<String> = BTreeSet::new();
    for (index, reference) in references.iter().enumerate() {
        let path = path.index(index);
        let name = reference.name.as_str();
        if name.is_empty() {
            errors.push(Error::required(&path, ""));
            continue;
        }
        if seen.contains(name) {
            errors.push(Error::duplicate(&path, name));
        } else {
            let mut key = name.to_owned();
            if !reference.request.is_empty() {
                errors.append(dns_label(&path.child("request"), &reference.request));
                key = format!("{name}/{}", reference.request);
            }
            if seen.contains(&key) {
                errors.push(Error::duplicate(&path, &key));
            } else if reference.request.is_empty() {
                let requests = seen
                    .iter()
                    .filter(|key| key.split_once('/').is_some_and(|(claim, _)| claim == name));
                errors.extend(requests.map(|_| Error::duplicate(&path, name)));
            }
            seen.insert(key);
        }
        if !claims.contains(name) {
            let mut error = Error::not_found(&path, name);
            error.detail = if claims.is_empty() {
                "must be one of the names in pod.spec.resourceClaims which is empty".into()
            } else {
                let claims: Vec<&str> = claims.iter().copied().collect();
                format!(
                    "must be one of the names in pod.spec.resourceClaims: {}",
                    claims.join(", ")
                )
            };
            errors.push(error);
        }
    }
    errors
}
