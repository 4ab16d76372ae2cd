//! Claims of devices, and resources of the pod as a whole.

use std::collections::{BTreeSet, HashSet};

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use k8s_api::{
    core::v1::{PodResourceClaim, PodSpec},
    meta::v1::ObjectMeta,
};

use super::super::{MIRROR_ANNOTATION, PodValidationOptions, is_windows};
use crate::{
    meta::NameRule,
    resources::{Scope, Side, aggregate, is_huge_page, validate_requirements},
    rules::{dns_label, object_name},
};

pub(super) fn validate_claims(
    claims: &[PodResourceClaim],
    metadata: Option<&ObjectMeta>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let mirrored = metadata.is_some_and(|metadata| metadata.annotations.contains_key(MIRROR_ANNOTATION));
    let mut seen = HashSet::new();
    for (index, claim) in claims.iter().enumerate() {
        if mirrored {
            let detail = "static pods do not support resource claims";
            errors.push(Error::forbidden(&Path::new(""), detail));
            continue;
        }
        let path = path.index(index);
        let name = path.child("name");
        if claim.name.is_empty() {
            errors.push(Error::required(&name, ""));
        } else if seen.insert(claim.name.as_str()) {
            errors.append(dns_label(&name, &claim.name));
        } else {
            errors.push(Error::duplicate(&name, &claim.name));
        }
        let fault = match (&claim.resource_claim_name, &claim.resource_claim_template_name) {
            (Some(_), Some(_)) => {
                Some("at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified")
            }
            (None, None) => Some("must specify one of: `resourceClaimName`, `resourceClaimTemplateName`"),
            _ => None,
        };
        errors.extend(fault.map(|fault| Error::invalid(&path, show(claim), fault)));
        for (member, name) in [
            ("resourceClaimName", &claim.resource_claim_name),
            ("resourceClaimTemplateName", &claim.resource_claim_template_name),
        ] {
            if let Some(name) = name {
                errors.append(object_name(NameRule::Dns1123Subdomain, &path.child(member), name));
            }
        }
    }
    errors
}

fn show(claim: &PodResourceClaim) -> BadValue {
    let spec = PodSpec {
        resource_claims: vec![claim.clone()],
        ..PodSpec::default()
    };
    crate::go_view::member_of(spec, "/resourceClaims/0", "PodResourceClaim")
}

/// Checks the resources of the pod as a whole, and that its containers keep within them.
pub(super) fn validate_pod_resources(
    spec: &PodSpec,
    claims: &BTreeSet<&str>,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let Some(resources) = &spec.resources else {
        return ErrorList::new();
    };
    let path = path.child("resources");
    if is_windows(spec) {
        return Error::forbidden(&path, "may not be set for a windows pod").into();
    }
    let mut errors = ErrorList::new();
    if !resources.claims.is_empty() {
        let detail = "claims may not be set for Resources at pod-level";
        errors.push(Error::forbidden(&path.child("claims"), detail));
    }
    let partial = options.allow_partial_huge_pages;
    errors.append(validate_requirements(resources, Scope::Pod, claims, partial, &path));
    let requests = path.child("requests");
    for (name, total) in &aggregate(spec, Side::Requests) {
        if let Some(request) = resources.requests.get(name).filter(|request| total > *request) {
            let detail = format!("must be greater than or equal to aggregate container requests of {total}");
            errors.push(Error::invalid(&requests.key(name), request.to_string(), detail));
        }
    }
    let limits = path.child("limits");
    for (name, total) in aggregate(spec, Side::Limits)
        .iter()
        .filter(|(name, _)| is_huge_page(name))
    {
        if let Some(limit) = resources.limits.get(name).filter(|limit| total > *limit) {
            let detail = format!("must be greater than or equal to aggregate container limits of {total}");
            errors.push(Error::invalid(&limits.key(name), limit.to_string(), detail));
        }
    }
    let containers = path.child("containers");
    for (index, container) in spec.containers.iter().enumerate() {
        let path = containers.index(index);
        for (name, own) in &container.resources.limits {
            if let Some(limit) = resources.limits.get(name).filter(|limit| own > *limit) {
                let path = path.key(name);
                let detail = format!("must be less than or equal to pod limits of {limit}");
                errors.push(Error::invalid(&path.child("limits"), own.to_string(), detail));
            }
        }
    }
    errors
}
