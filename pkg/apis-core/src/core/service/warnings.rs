//! What is valid in a service, but will not do what it seems to say.

use apimachinery::{
    field::Path,
    names::{cidr_warnings, ip_warnings},
};
use k8s_api::core::v1::Service;

use super::{
    AFFINITY_NONE, CLUSTER_IP_NONE, TYPE_CLUSTER_IP, TYPE_EXTERNAL_NAME,
    validation::{TOPOLOGY_HINTS_ANNOTATION, TOPOLOGY_MODE_ANNOTATION},
};

const SPEC: Path<'static> = Path::new("spec");

/// Warnings about a service that is created or updated.
#[must_use]
pub fn warnings(service: &Service) -> Vec<String> {
    let spec = &service.spec;
    let mut warnings = Vec::new();
    if service.metadata.annotations.contains_key(TOPOLOGY_HINTS_ANNOTATION) {
        warnings.push(format!(
            "annotation {TOPOLOGY_HINTS_ANNOTATION} is deprecated, please use {TOPOLOGY_MODE_ANNOTATION} instead"
        ));
    }
    if !matches!(spec.cluster_ip.as_str(), "" | CLUSTER_IP_NONE) {
        warn_ips("clusterIPs", &spec.cluster_ips, &mut warnings);
    }
    let headless = spec.type_ == TYPE_CLUSTER_IP && spec.cluster_ip == CLUSTER_IP_NONE;
    if headless {
        if !spec.load_balancer_ip.is_empty() {
            warnings.push("spec.loadBalancerIP is ignored for headless services".to_owned());
        }
        if !spec.external_ips.is_empty() {
            warnings.push("spec.externalIPs is ignored for headless services".to_owned());
        }
        if spec.session_affinity != AFFINITY_NONE {
            warnings.push("spec.SessionAffinity is ignored for headless services".to_owned());
        }
    }
    warn_ips("externalIPs", &spec.external_ips, &mut warnings);
    let named_outside = spec.type_ == TYPE_EXTERNAL_NAME;
    if !spec.external_ips.is_empty() && !headless && !named_outside {
        warnings.push("spec.externalIPs is deprecated and may no longer be implemented in some clusters".to_owned());
    }
    if !spec.load_balancer_ip.is_empty() {
        warnings.extend(ip_warnings(&SPEC.child("loadBalancerIP"), &spec.load_balancer_ip));
    }
    let ranges = SPEC.child("loadBalancerSourceRanges");
    for (index, range) in spec.load_balancer_source_ranges.iter().enumerate() {
        warnings.extend(cidr_warnings(&ranges.index(index), range));
    }
    if named_outside && !spec.external_ips.is_empty() {
        warnings.push("spec.externalIPs is ignored when spec.type is \"ExternalName\"".to_owned());
    }
    if !named_outside && !spec.external_name.is_empty() {
        warnings.push("spec.externalName is ignored when spec.type is not \"ExternalName\"".to_owned());
    }
    if spec.traffic_distribution.as_deref() == Some("PreferClose") {
        warnings.push("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"".to_owned());
    }
    warnings
}

fn warn_ips(field: &str, ips: &[String], warnings: &mut Vec<String>) {
    let path = SPEC.child(field);
    for (index, ip) in ips.iter().enumerate() {
        warnings.extend(ip_warnings(&path.index(index), ip));
    }
}

/// Warnings about an update of a service's status.
#[must_use]
pub fn status_warnings(service: &Service) -> Vec<String> {
    let path = Path::new("status.loadBalancer.ingress");
    let ingress = service.status.load_balancer.ingress.iter().enumerate();
    ingress
        .filter(|(_, ingress)| !ingress.ip.is_empty())
        .filter_map(|(index, ingress)| ip_warnings(&path.index(index), &ingress.ip))
        .collect()
}
