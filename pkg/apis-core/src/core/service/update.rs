//! What an update may change of a service: cluster IPs and families only by growing to two stacks or
//! shrinking to one, the load balancer's class and health port not at all.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::core::v1::{LoadBalancerStatus, Service};

use super::{
    SINGLE_STACK, TYPE_EXTERNAL_NAME, TYPE_LOAD_BALANCER, is_headless, needs_health_check, validation::validate_service,
};
use crate::{
    go_value::{named, optional, strings},
    meta,
    shared::legacy_ip,
};

const SPEC: Path<'static> = Path::new("spec");
const SET_ONCE: &str = "may not change once set";

/// Checks an update of a service.
#[must_use]
pub fn validate_update(service: &Service, old: &Service, gates: &FeatureGates) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&service.metadata, &old.metadata, &Path::new("metadata"));
    let named_outside = service.spec.type_ == TYPE_EXTERNAL_NAME || old.spec.type_ == TYPE_EXTERNAL_NAME;
    if !named_outside {
        validate_cluster_ips(service, old, &mut errors);
        validate_families(service, old, &mut errors);
    }
    validate_load_balancer_class(Some(old), service, &mut errors);
    if needs_health_check(old)
        && needs_health_check(service)
        && old.spec.health_check_node_port != service.spec.health_check_node_port
    {
        errors.push(Error::forbidden(
            &SPEC.child("healthCheckNodePort"),
            "field is immutable",
        ));
    }
    errors.append(validate_service(service, Some(old), gates));
    errors
}

fn validate_cluster_ips(service: &Service, old: &Service, errors: &mut ErrorList) {
    if is_headless(service) && is_headless(old) {
        return;
    }
    let (new_ips, old_ips) = (&service.spec.cluster_ips, &old.spec.cluster_ips);
    let path = SPEC.child("clusterIPs");
    if old_ips.len() == new_ips.len() {
        for (index, (old_ip, ip)) in old_ips.iter().zip(new_ips).enumerate() {
            if old_ip != ip {
                errors.push(Error::invalid(&path.index(index), strings(new_ips), SET_ONCE));
            }
        }
        return;
    }
    let shrinks = old_ips.len() > new_ips.len();
    if shrinks && new_ips.is_empty() {
        let detail = "primary clusterIP can not be unset";
        errors.push(Error::invalid(&path.index(0), strings(new_ips), detail));
    }
    if let (Some(old_ip), Some(ip)) = (old_ips.first(), new_ips.first())
        && old_ip != ip
    {
        errors.push(Error::invalid(&path.index(0), strings(new_ips), SET_ONCE));
    }
    if shrinks && new_ips.len() == 1 {
        require_single_stack(service, "clusterIP", errors);
    }
}

fn validate_families(service: &Service, old: &Service, errors: &mut ErrorList) {
    if is_headless(service) || is_headless(old) {
        return;
    }
    let (new_families, old_families) = (&service.spec.ip_families, &old.spec.ip_families);
    let path = SPEC.child("ipFamilies");
    if old_families.len() == new_families.len() {
        let changed = old_families
            .iter()
            .zip(new_families)
            .filter(|(old, new)| old != new)
            .count();
        for _ in 0..changed {
            errors.push(Error::invalid(&path.index(0), strings(new_families), SET_ONCE));
        }
        return;
    }
    let shrinks = old_families.len() > new_families.len();
    if shrinks && service.spec.cluster_ips.is_empty() {
        let detail = "primary ipFamily can not be unset";
        errors.push(Error::invalid(&path.index(0), strings(new_families), detail));
    }
    if let (Some(old_family), Some(family)) = (old_families.first(), new_families.first())
        && old_family != family
    {
        // The value shown is that of the cluster IPs, upstream too.
        errors.push(Error::invalid(
            &path.index(0),
            strings(&service.spec.cluster_ips),
            SET_ONCE,
        ));
    }
    if shrinks && new_families.len() == 1 {
        require_single_stack(service, "ipFamily", errors);
    }
}

fn require_single_stack(service: &Service, released: &str, errors: &mut ErrorList) {
    let policy = service.spec.ip_family_policy.as_deref();
    if policy != Some(SINGLE_STACK) {
        errors.push(Error::invalid(
            &SPEC.child("ipFamilyPolicy"),
            optional(policy),
            format!("must be set to 'SingleStack' when releasing the secondary {released}"),
        ));
    }
}

pub(super) fn validate_load_balancer_class(old: Option<&Service>, service: &Service, errors: &mut ErrorList) {
    let path = SPEC.child("loadBalancerClass");
    let class = service.spec.load_balancer_class.as_deref();
    let balanced = |service: &Service| service.spec.type_ == TYPE_LOAD_BALANCER;
    if let Some(old) = old
        && balanced(old)
        && balanced(service)
        && old.spec.load_balancer_class.as_deref() != class
    {
        errors.push(Error::invalid(&path, optional(class), SET_ONCE));
    }
    let Some(class) = class else { return };
    if balanced(service) {
        errors.invalid_each(&path, class, names::qualified_name(class));
    } else {
        errors.push(Error::forbidden(
            &path,
            "may only be used when `type` is 'LoadBalancer'",
        ));
    }
}

/// Checks an update of a service's status.
#[must_use]
pub fn validate_status_update(service: &Service, old: &Service, gates: &FeatureGates) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&service.metadata, &old.metadata, &Path::new("metadata"));
    let (status, old_status) = (&service.status.load_balancer, &old.status.load_balancer);
    let path = Path::new("status.loadBalancer");
    validate_load_balancer(status, old_status, &service.spec.type_, &path, gates, &mut errors);
    errors
}

fn validate_load_balancer(
    status: &LoadBalancerStatus,
    old: &LoadBalancerStatus,
    service_type: &str,
    path: &Path<'_>,
    gates: &FeatureGates,
    errors: &mut ErrorList,
) {
    let path = path.child("ingress");
    if service_type != TYPE_LOAD_BALANCER && !status.ingress.is_empty() {
        return errors.push(Error::forbidden(
            &path,
            "may only be used when `spec.type` is 'LoadBalancer'",
        ));
    }
    let existing: Vec<_> = old.ingress.iter().map(|ingress| ingress.ip.clone()).collect();
    for (index, ingress) in status.ingress.iter().enumerate() {
        let path = path.index(index);
        let has_ip = !ingress.ip.is_empty();
        if has_ip {
            errors.append(legacy_ip(&path.child("ip"), &ingress.ip, &existing, gates));
        }
        let mode_path = path.child("ipMode");
        match ingress.ip_mode.as_deref() {
            None if has_ip => errors.push(Error::required(&mode_path, "must be specified when `ip` is set")),
            None => {}
            Some(_) if !has_ip => {
                errors.push(Error::forbidden(
                    &mode_path,
                    "may not be specified when `ip` is not set",
                ));
            }
            Some("Proxy" | "VIP") => {}
            Some(mode) => errors.push(Error::not_supported(&mode_path, named(mode), &["Proxy", "VIP"])),
        }
        if !ingress.hostname.is_empty() {
            let path = path.child("hostname");
            errors.invalid_each(&path, &ingress.hostname, names::dns1123_subdomain(&ingress.hostname));
            if names::parse_ip_sloppy(&ingress.hostname).is_some() {
                let detail = "must be a DNS name, not an IP address";
                errors.push(Error::invalid(&path, &ingress.hostname, detail));
            }
        }
    }
}
