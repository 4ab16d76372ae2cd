//! Rules that tie cluster IPs, IP families and their policy together.

use apimachinery::field::{Error, ErrorList, Path};
use component_base::feature_gates::FeatureGates;
use k8s_api::core::v1::Service;

use super::{
    CLUSTER_IP_NONE, DUAL_STACK_PREFERRED, DUAL_STACK_REQUIRED, IPV4, IPV6, SINGLE_STACK, TYPE_EXTERNAL_NAME,
    ip_families::is_ipv6, is_headless,
};
use crate::{
    go_value::{named, strings},
    shared::{is_dual_stack, legacy_ip},
};

const SPEC: Path<'static> = Path::new("spec");

/// Checks `clusterIP`, `clusterIPs`, `ipFamilies` and `ipFamilyPolicy` against each other. An
/// `ExternalName` service has none of them, which is checked elsewhere.
#[must_use]
pub fn validate_cluster_ip_fields(service: &Service, old: Option<&Service>, gates: &FeatureGates) -> ErrorList {
    let mut errors = ErrorList::new();
    if service.spec.type_ == TYPE_EXTERNAL_NAME {
        return errors;
    }
    validate_first(service, &mut errors);
    validate_families(service, &mut errors);
    let path = SPEC.child("clusterIPs");
    let ips = &service.spec.cluster_ips;
    let valid = validate_ips(service, old, gates, &mut errors);
    if ips.len() > 2 {
        errors.push(Error::invalid(&path, strings(ips), "may only hold up to 2 values"));
    }
    // Further checks of IPs that are none would only confuse.
    if !valid {
        return errors;
    }
    if ips.len() > 1 {
        match is_dual_stack(ips) {
            Ok(true) => {}
            verdict => {
                if let Err(error) = verdict {
                    let error = format!("failed to check for dual stack with error:{error}");
                    errors.push(Error::internal(&path, error));
                }
                let detail = "may specify no more than one IP for each IP family";
                errors.push(Error::invalid(&path, strings(ips), detail));
            }
        }
    }
    if !is_headless(service) {
        for (index, (ip, family)) in ips.iter().zip(&service.spec.ip_families).enumerate() {
            let expected = match family.as_str() {
                IPV4 if is_ipv6(ip) => IPV4,
                IPV6 if !is_ipv6(ip) => IPV6,
                _ => continue,
            };
            let detail = format!("expected an {expected} value as indicated by `ipFamilies[{index}]`");
            errors.push(Error::invalid(&path.index(index), ip, detail));
        }
    }
    errors
}

fn validate_first(service: &Service, errors: &mut ErrorList) {
    let path = SPEC.child("clusterIPs");
    let ips = &service.spec.cluster_ips;
    match (service.spec.cluster_ip.as_str(), ips.first()) {
        ("", None) => {}
        ("", Some(_)) => errors.push(Error::invalid(
            &path,
            strings(ips),
            "must be empty when `clusterIP` is not specified",
        )),
        (_, None) => errors.push(Error::required(&path, "")),
        (ip, Some(first)) if ip == first => {}
        (_, Some(_)) => errors.push(Error::invalid(
            &path,
            strings(ips),
            "first value must match `clusterIP`",
        )),
    }
}

fn validate_families(service: &Service, errors: &mut ErrorList) {
    let families = &service.spec.ip_families;
    let path = SPEC.child("ipFamilies");
    for (index, family) in families.iter().enumerate() {
        if !matches!(family.as_str(), IPV4 | IPV6) {
            errors.push(Error::not_supported(&path.index(index), named(family), &[IPV4, IPV6]));
        }
        if families[..index].contains(family) {
            errors.push(Error::duplicate(&path.index(index), named(family)));
        }
    }
    const POLICIES: [&str; 3] = [DUAL_STACK_PREFERRED, DUAL_STACK_REQUIRED, SINGLE_STACK];
    if let Some(policy) = &service.spec.ip_family_policy
        && !POLICIES.contains(&policy.as_str())
    {
        errors.push(Error::not_supported(
            &SPEC.child("ipFamilyPolicy"),
            named(policy),
            &POLICIES,
        ));
    }
}

/// Whether each cluster IP is an address, or the only one and `None`.
fn validate_ips(service: &Service, old: Option<&Service>, gates: &FeatureGates, errors: &mut ErrorList) -> bool {
    let path = SPEC.child("clusterIPs");
    let ips = &service.spec.cluster_ips;
    let existing = old.map_or(&[][..], |old| &old.spec.cluster_ips);
    let mut valid = true;
    for (index, ip) in ips.iter().enumerate() {
        if index == 0 && ip == CLUSTER_IP_NONE {
            if ips.len() > 1 {
                valid = false;
                errors.push(Error::invalid(
                    &path,
                    strings(ips),
                    "'None' must be the first and only value",
                ));
            }
            continue;
        }
        let faults = legacy_ip(&path.index(index), ip, existing, gates);
        valid &= faults.is_empty();
        errors.append(faults);
    }
    valid
}
