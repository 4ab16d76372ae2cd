//! Fields that lose their sense when the type of a service changes.
//!
//! A client that changes only the type means the rest to follow; what it changes itself is left for
//! validation to judge. Upstream counterpart: `dropTypeDependentFields` of the service's strategy.

use k8s_api::core::v1::Service;

use super::{TYPE_LOAD_BALANCER, TYPE_NODE_PORT, is_externally_accessible, needs_cluster_ip, needs_health_check};

/// Clears what the new type has no use for and the update left as it was.
pub fn drop_type_dependent_fields(service: &mut Service, old: &Service) {
    let lost = |needed: fn(&Service) -> bool, service: &Service| needed(old) && !needed(service);
    if lost(needs_cluster_ip, service) {
        let (spec, before) = (&mut service.spec, &old.spec);
        if spec.cluster_ip == before.cluster_ip && spec.cluster_ips == before.cluster_ips {
            spec.cluster_ip.clear();
            spec.cluster_ips.clear();
        }
        if spec.ip_families == before.ip_families {
            spec.ip_families.clear();
        }
        if spec.ip_family_policy.as_deref().unwrap_or("") == before.ip_family_policy.as_deref().unwrap_or("") {
            spec.ip_family_policy = None;
        }
    }
    if lost(may_have_node_ports, service) && has_no_new_node_port(service, old) {
        for port in &mut service.spec.ports {
            port.node_port = 0;
        }
    }
    let same_health_port = service.spec.health_check_node_port == old.spec.health_check_node_port;
    if lost(needs_health_check, service) && same_health_port {
        service.spec.health_check_node_port = 0;
    }
    if lost(is_balanced, service) {
        let (spec, before) = (&mut service.spec, &old.spec);
        if spec.allocate_load_balancer_node_ports == before.allocate_load_balancer_node_ports {
            spec.allocate_load_balancer_node_ports = None;
        }
        if spec.load_balancer_class == before.load_balancer_class {
            spec.load_balancer_class = None;
        }
    }
    let same_policy = service.spec.external_traffic_policy == old.spec.external_traffic_policy;
    if lost(is_externally_accessible, service) && same_policy {
        service.spec.external_traffic_policy.clear();
    }
    if !is_balanced(service) {
        service.status.load_balancer.ingress.clear();
    }
}

fn is_balanced(service: &Service) -> bool {
    service.spec.type_ == TYPE_LOAD_BALANCER
}

fn may_have_node_ports(service: &Service) -> bool {
    matches!(service.spec.type_.as_str(), TYPE_NODE_PORT | TYPE_LOAD_BALANCER)
}

fn has_no_new_node_port(service: &Service, old: &Service) -> bool {
    let node_ports = service
        .spec
        .ports
        .iter()
        .map(|port| port.node_port)
        .filter(|port| *port != 0);
    node_ports
        .into_iter()
        .all(|number| old.spec.ports.iter().any(|port| port.node_port == number))
}
