//! Rules of a service's spec, on creation and on update.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{Service, SessionAffinityConfig};

use super::{
    AFFINITY_CLIENT_IP, AFFINITY_NONE, POLICY_CLUSTER, POLICY_LOCAL, TYPE_CLUSTER_IP, TYPE_EXTERNAL_NAME,
    TYPE_LOAD_BALANCER, TYPE_NODE_PORT, cluster_ips::validate_cluster_ip_fields, is_externally_accessible, is_headless,
    needs_health_check, ports, update,
};
use crate::{
    go_value::named,
    meta::{self, NameRule},
    shared::{legacy_cidr, legacy_ip, validate_endpoint_ip},
};

const SOURCE_RANGES_ANNOTATION: &str = "service.beta.kubernetes.io/load-balancer-source-ranges";
pub(super) const TOPOLOGY_HINTS_ANNOTATION: &str = "service.kubernetes.io/topology-aware-hints";
pub(super) const TOPOLOGY_MODE_ANNOTATION: &str = "service.kubernetes.io/topology-mode";
const ONLY_LOAD_BALANCER: &str = "may only be used when `type` is 'LoadBalancer'";
/// One day.
const MAX_CLIENT_IP_TIMEOUT_SECONDS: i32 = 86_400;

const SPEC: Path<'static> = Path::new("spec");

/// Checks a new service.
#[must_use]
pub fn validate(service: &Service, gates: &FeatureGates) -> ErrorList {
    let name = if gates.enabled(Feature::RelaxedServiceNameValidation) {
        NameRule::Dns1123Label
    } else {
        NameRule::Dns1035Label
    };
    let mut errors = meta::validate_object_meta(&service.metadata, true, name, &Path::new("metadata"));
    errors.append(validate_service(service, None, gates));
    errors
}

/// Checks everything but the metadata; what `old` already had may stay.
pub(super) fn validate_service(service: &Service, old: Option<&Service>, gates: &FeatureGates) -> ErrorList {
    let mut errors = ErrorList::new();
    let spec = &service.spec;
    validate_topology_annotations(service, &mut errors);
    if spec.ports.is_empty() && !is_headless(service) && spec.type_ != TYPE_EXTERNAL_NAME {
        errors.push(Error::required(&SPEC.child("ports"), ""));
    }
    validate_by_type(service, &mut errors);
    ports::validate_each(&spec.ports, &SPEC.child("ports"), &mut errors);
    errors.append(meta::validate_labels(&spec.selector, &SPEC.child("selector")));
    validate_session_affinity(service, &mut errors);
    errors.append(validate_cluster_ip_fields(service, old, gates));
    validate_external_ips(service, old, gates, &mut errors);
    let types = [TYPE_CLUSTER_IP, TYPE_EXTERNAL_NAME, TYPE_LOAD_BALANCER, TYPE_NODE_PORT];
    if spec.type_.is_empty() {
        errors.push(Error::required(&SPEC.child("type"), ""));
    } else if !types.contains(&spec.type_.as_str()) {
        errors.push(Error::not_supported(&SPEC.child("type"), named(&spec.type_), &types));
    }
    ports::validate_together(service, &SPEC.child("ports"), &mut errors);
    validate_source_ranges(service, old, gates, &mut errors);
    let balanced = spec.type_ == TYPE_LOAD_BALANCER;
    match spec.allocate_load_balancer_node_ports {
        Some(_) if !balanced => {
            errors.push(Error::forbidden(
                &SPEC.child("allocateLoadBalancerNodePorts"),
                ONLY_LOAD_BALANCER,
            ));
        }
        None if balanced => errors.push(Error::required(&Path::new("allocateLoadBalancerNodePorts"), "")),
        _ => {}
    }
    update::validate_load_balancer_class(None, service, &mut errors);
    validate_external_traffic(service, &mut errors);
    validate_internal_traffic(service, &mut errors);
    validate_traffic_distribution(service, &mut errors);
    errors
}

fn validate_topology_annotations(service: &Service, errors: &mut ErrorList) {
    let annotations = &service.metadata.annotations;
    let (Some(mode), Some(hints)) = (
        annotations.get(TOPOLOGY_MODE_ANNOTATION),
        annotations.get(TOPOLOGY_HINTS_ANNOTATION),
    ) else {
        return;
    };
    if mode != hints {
        errors.push(Error::invalid(
            &Path::new("metadata").child("annotations").key(TOPOLOGY_MODE_ANNOTATION),
            mode,
            format!("must match annotations[{TOPOLOGY_HINTS_ANNOTATION}] when both are specified"),
        ));
    }
}

fn validate_by_type(service: &Service, errors: &mut ErrorList) {
    let spec = &service.spec;
    match spec.type_.as_str() {
        type_ @ (TYPE_LOAD_BALANCER | TYPE_NODE_PORT) if is_headless(service) => errors.push(Error::invalid(
            &SPEC.child("clusterIPs").index(0),
            &spec.cluster_ips[0],
            format!("may not be set to 'None' for {type_} services"),
        )),
        TYPE_EXTERNAL_NAME => {
            for (set, field) in [
                (!spec.cluster_ips.is_empty(), "clusterIPs"),
                (!spec.ip_families.is_empty(), "ipFamilies"),
                (spec.ip_family_policy.is_some(), "ipFamilyPolicy"),
            ] {
                if set {
                    errors.push(Error::forbidden(
                        &SPEC.child(field),
                        "may not be set for ExternalName services",
                    ));
                }
            }
            let name = spec.external_name.strip_suffix('.').unwrap_or(&spec.external_name);
            if name.is_empty() {
                errors.push(Error::required(&SPEC.child("externalName"), ""));
            } else {
                errors.invalid_each(&SPEC.child("externalName"), name, names::dns1123_subdomain(name));
            }
        }
        _ => {}
    }
}

fn validate_session_affinity(service: &Service, errors: &mut ErrorList) {
    let spec = &service.spec;
    let config = SPEC.child("sessionAffinityConfig");
    match spec.session_affinity.as_str() {
        "" => errors.push(Error::required(&SPEC.child("sessionAffinity"), "")),
        AFFINITY_CLIENT_IP => validate_client_ip_config(spec.session_affinity_config.as_deref(), &config, errors),
        AFFINITY_NONE => {
            if spec.session_affinity_config.is_some() {
                errors.push(Error::forbidden(
                    &config,
                    "must not be set when session affinity is None",
                ));
            }
        }
        other => errors.push(Error::not_supported(
            &SPEC.child("sessionAffinity"),
            named(other),
            &[AFFINITY_CLIENT_IP, AFFINITY_NONE],
        )),
    }
}

fn validate_client_ip_config(config: Option<&SessionAffinityConfig>, path: &Path<'_>, errors: &mut ErrorList) {
    const REQUIRED: &str = "when session affinity type is ClientIP";
    let Some(config) = config else {
        return errors.push(Error::required(path, REQUIRED));
    };
    let client_ip = path.child("clientIP");
    let Some(config) = &config.client_ip else {
        return errors.push(Error::required(&client_ip, REQUIRED));
    };
    let timeout = client_ip.child("timeoutSeconds");
    match config.timeout_seconds {
        None => errors.push(Error::required(&timeout, REQUIRED)),
        Some(seconds) if !(1..=MAX_CLIENT_IP_TIMEOUT_SECONDS).contains(&seconds) => errors.push(Error::invalid(
            &timeout,
            seconds,
            format!("must be greater than 0 and less than {MAX_CLIENT_IP_TIMEOUT_SECONDS}"),
        )),
        Some(_) => {}
    }
}

fn validate_external_ips(service: &Service, old: Option<&Service>, gates: &FeatureGates, errors: &mut ErrorList) {
    let path = SPEC.child("externalIPs");
    let existing = old.map_or(&[][..], |old| &old.spec.external_ips);
    for (index, ip) in service.spec.external_ips.iter().enumerate() {
        let path = path.index(index);
        let faults = legacy_ip(&path, ip, existing, gates);
        errors.append(if faults.is_empty() {
            validate_endpoint_ip(ip, &path)
        } else {
            faults
        });
    }
}

fn validate_source_ranges(service: &Service, old: Option<&Service>, gates: &FeatureGates, errors: &mut ErrorList) {
    let balanced = service.spec.type_ == TYPE_LOAD_BALANCER;
    if !service.spec.load_balancer_source_ranges.is_empty() {
        let path = SPEC.child("LoadBalancerSourceRanges");
        if !balanced {
            errors.push(Error::forbidden(&path, ONLY_LOAD_BALANCER));
        }
        // Ranges may have spaces around them, because they once came out of an annotation.
        let existing: Vec<&str> = old
            .iter()
            .flat_map(|old| &old.spec.load_balancer_source_ranges)
            .map(|range| range.trim())
            .collect();
        for (index, range) in service.spec.load_balancer_source_ranges.iter().enumerate() {
            errors.append(legacy_cidr(&path.index(index), range.trim(), &existing, gates));
        }
        return;
    }
    let Some(value) = service.metadata.annotations.get(SOURCE_RANGES_ANNOTATION) else {
        return;
    };
    let annotations = Path::new("metadata.annotations");
    let path = annotations.key(SOURCE_RANGES_ANNOTATION);
    if !balanced {
        errors.push(Error::forbidden(&path, ONLY_LOAD_BALANCER));
    }
    let before = old.map(|old| {
        old.metadata
            .annotations
            .get(SOURCE_RANGES_ANNOTATION)
            .map_or("", String::as_str)
    });
    let text = value.trim();
    if before != Some(value.as_str()) && !text.is_empty() {
        for range in text.split(',') {
            errors.append(legacy_cidr(&path, range.trim(), &[], gates));
        }
    }
}

fn validate_external_traffic(service: &Service, errors: &mut ErrorList) {
    let spec = &service.spec;
    let policy = SPEC.child("externalTrafficPolicy");
    let value = spec.external_traffic_policy.as_str();
    if !is_externally_accessible(service) {
        if !value.is_empty() {
            let detail = "may only be set for externally-accessible services";
            errors.push(Error::invalid(&policy, named(value), detail));
        }
    } else if value.is_empty() {
        errors.push(Error::required(&policy, ""));
    } else if !matches!(value, POLICY_CLUSTER | POLICY_LOCAL) {
        errors.push(Error::not_supported(
            &policy,
            named(value),
            &[POLICY_CLUSTER, POLICY_LOCAL],
        ));
    }
    let health = SPEC.child("healthCheckNodePort");
    let port = spec.health_check_node_port;
    if !needs_health_check(service) {
        if port != 0 {
            let detail = "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'";
            errors.push(Error::invalid(&health, port, detail));
        }
    } else if port == 0 {
        errors.push(Error::required(&health, ""));
    } else {
        let messages = names::port_number(i64::from(port));
        errors.extend(
            messages
                .into_iter()
                .map(|message| Error::invalid(&health, port, message)),
        );
    }
}

fn validate_internal_traffic(service: &Service, errors: &mut ErrorList) {
    let path = SPEC.child("internalTrafficPolicy");
    match service.spec.internal_traffic_policy.as_deref() {
        None if matches!(
            service.spec.type_.as_str(),
            TYPE_NODE_PORT | TYPE_LOAD_BALANCER | TYPE_CLUSTER_IP
        ) =>
        {
            errors.push(Error::required(&path, ""));
        }
        None | Some(POLICY_CLUSTER | POLICY_LOCAL) => {}
        Some(other) => {
            errors.push(Error::not_supported(
                &path,
                named(other),
                &[POLICY_CLUSTER, POLICY_LOCAL],
            ));
        }
    }
}

fn validate_traffic_distribution(service: &Service, errors: &mut ErrorList) {
    const SUPPORTED: [&str; 3] = ["PreferClose", "PreferSameZone", "PreferSameNode"];
    let Some(value) = &service.spec.traffic_distribution else {
        return;
    };
    if !SUPPORTED.contains(&value.as_str()) {
        errors.push(Error::not_supported(
            &SPEC.child("trafficDistribution"),
            value,
            &SUPPORTED,
        ));
    }
}
