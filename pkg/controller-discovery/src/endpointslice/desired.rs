//! What a service's slices should hold.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;

use client_go::cache::Lister;
use controller::workload::pods::is_ready;
use controller::workload::{SyncError, controller_reference};
use k8s_api::core::v1::{Node, Pod, Service};
use k8s_api::discovery::v1::{Endpoint, EndpointConditions, EndpointHints, EndpointPort, ForNode, ForZone};

use super::MANAGER;
use crate::pods::{HEADLESS, addresses, find_port, has_hostname, is_endpoint, is_headless, reference};
use crate::slices::{Group, SliceOwner};
use crate::tracker::{MANAGED_BY, SERVICE_NAME};

const ZONE: &str = "topology.kubernetes.io/zone";

/// The endpoints of a service, and what could not be found out.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) groups: Vec<Group>,
    pub(super) errors: Vec<SyncError>,
}

/// The service as the owner of slices.
pub(super) fn owner(service: &Service, limit: usize) -> SliceOwner {
    let reserved = [HEADLESS, SERVICE_NAME, MANAGED_BY];
    let mut labels: k8s_api::Map<String> = service
        .metadata
        .labels
        .iter()
        .filter(|(key, _)| !reserved.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if is_headless(service) || service.spec.cluster_ip.is_empty() {
        labels.insert(HEADLESS.to_owned(), String::new());
    }
    labels.insert(SERVICE_NAME.to_owned(), service.metadata.name.clone());
    labels.insert(MANAGED_BY.to_owned(), MANAGER.to_owned());
    SliceOwner {
        namespace: service.metadata.namespace.clone(),
        name: service.metadata.name.clone(),
        reference: controller_reference(service),
        labels,
        annotations: k8s_api::Map::new(),
        limit,
    }
}

/// The address types of a service: those of its families.
pub(super) fn address_types(service: &Service) -> Vec<&'static str> {
    let mut types: Vec<_> = service
        .spec
        .ip_families
        .iter()
        .map(|family| if family == "IPv6" { "IPv6" } else { "IPv4" })
        .collect();
    if types.is_empty() {
        // A service from before there were families.
        match service.spec.cluster_ip.parse::<IpAddr>() {
            Ok(IpAddr::V6(_)) => types.push("IPv6"),
            Ok(IpAddr::V4(_)) => types.push("IPv4"),
            Err(_) => types.extend(["IPv4", "IPv6"]),
        }
    }
    types
}

fn ports(service: &Service, pod: &Pod) -> Vec<EndpointPort> {
    service
        .spec
        .ports
        .iter()
        .filter_map(|port| {
            Some(EndpointPort {
                name: Some(port.name.clone()),
                port: Some(find_port(pod, port)?),
                protocol: Some(port.protocol.clone()),
                app_protocol: port.app_protocol.clone(),
            })
        })
        .collect()
}

/// How traffic is to stay near, if the service wants that.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Near {
    Anywhere,
    Zone,
    Node,
}

fn near(service: &Service, same_zone_and_node: bool) -> Near {
    match service.spec.traffic_distribution.as_deref() {
        Some("PreferClose") => Near::Zone,
        Some("PreferSameZone") if same_zone_and_node => Near::Zone,
        Some("PreferSameNode") if same_zone_and_node => Near::Node,
        _ => Near::Anywhere,
    }
}

fn endpoint(service: &Service, pod: &Pod, node: Option<&Node>, addresses: Vec<String>, near: Near) -> Endpoint {
    let terminating = pod.metadata.deletion_timestamp.is_some();
    let serving = is_ready(pod);
    let ready = service.spec.publish_not_ready_addresses || (serving && !terminating);
    let zone = node.and_then(|node| node.metadata.labels.get(ZONE)).cloned();
    let node_name = (!pod.spec.node_name.is_empty()).then(|| pod.spec.node_name.clone());
    let hints = (ready && near != Near::Anywhere).then(|| EndpointHints {
        for_zones: zone.iter().map(|zone| ForZone { name: zone.clone() }).collect(),
        for_nodes: node_name
            .iter()
            .filter(|_| near == Near::Node)
            .map(|name| ForNode { name: name.clone() })
            .collect(),
    });
    Endpoint {
        addresses,
        conditions: EndpointConditions {
            ready: Some(ready),
            serving: Some(serving),
            terminating: Some(terminating),
        },
        hostname: has_hostname(pod, service).then(|| pod.spec.hostname.clone()),
        node_name,
        zone,
        hints: hints
            .filter(|hints| !hints.for_zones.is_empty() || !hints.for_nodes.is_empty())
            .map(Box::new),
        target_ref: Some(reference(pod)),
        ..Endpoint::default()
    }
}

/// The endpoints that a service should have, grouped by address type and ports.
pub(super) fn groups(service: &Service, pods: &[Arc<Pod>], nodes: &Lister<Node>, same_zone_and_node: bool) -> Wanted {
    let near = near(service, same_zone_and_node);
    let mut wanted = Wanted::default();
    for address_type in address_types(service) {
        let of_type = |address: &IpAddr| address.is_ipv6() == (address_type == "IPv6");
        let mut by_ports: BTreeMap<String, Group> = BTreeMap::new();
        for pod in pods.iter().filter(|pod| is_endpoint(pod, true)) {
            let ports = ports(service, pod);
            let group = by_ports.entry(format!("{ports:?}")).or_insert_with(|| Group {
                address_type: address_type.to_owned(),
                ports,
                endpoints: Vec::new(),
            });
            let node = nodes.get("", &pod.spec.node_name);
            if node.is_none() && !service.spec.publish_not_ready_addresses {
                // The node's cache may be behind, or the node gone; the pod's collector will see to that.
                wanted.errors.push(SyncError::Other(format!(
                    "skipping Pod {} for Service {}/{}: Node {} Not Found",
                    pod.metadata.name, service.metadata.namespace, service.metadata.name, pod.spec.node_name
                )));
                continue;
            }
            let addresses: Vec<String> = addresses(pod).filter(of_type).map(|ip| ip.to_string()).collect();
            if !addresses.is_empty() {
                group
                    .endpoints
                    .push(endpoint(service, pod, node.as_deref(), addresses, near));
            }
        }
        wanted
            .groups
            .extend(by_ports.into_values().filter(|group| !group.endpoints.is_empty()));
    }
    wanted
}
