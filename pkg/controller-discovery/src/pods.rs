//! What of a pod is an endpoint of a service.

use std::net::IpAddr;
use std::sync::Arc;

use client_go::cache::Lister;
use controller::workload::pods::{is_ready, is_terminal};
use k8s_api::core::v1::{ContainerPort, ObjectReference, Pod, Service, ServicePort};
use k8s_api::primitives::IntOrString;

/// The label of slices and endpoints of services without an address.
pub(crate) const HEADLESS: &str = "service.kubernetes.io/headless";

/// Whether a service has its endpoints from pods.
pub(crate) fn selects_pods(service: &Service) -> bool {
    service.spec.type_ != "ExternalName" && !service.spec.selector.is_empty()
}

pub(crate) fn is_headless(service: &Service) -> bool {
    service.spec.cluster_ip == "None"
}

/// Whether a service's selector matches a pod.
pub(crate) fn matches(service: &Service, pod: &Pod) -> bool {
    service.metadata.namespace == pod.metadata.namespace
        && !service.spec.selector.is_empty()
        && service
            .spec
            .selector
            .iter()
            .all(|(key, value)| pod.metadata.labels.get(key) == Some(value))
}

/// The pods of a service.
pub(crate) fn pods_of(service: &Service, pods: &Lister<Pod>) -> Vec<Arc<Pod>> {
    let mut found = pods.list_namespace(&service.metadata.namespace);
    found.retain(|pod| matches(service, pod));
    found
}

/// Whether a pod can be an endpoint: it runs, or will, and has an address.
pub(crate) fn is_endpoint(pod: &Pod, with_terminating: bool) -> bool {
    !is_terminal(pod)
        && (!pod.status.pod_ip.is_empty() || !pod.status.pod_ips.is_empty())
        && (with_terminating || pod.metadata.deletion_timestamp.is_none())
}

/// Whether a pod has a name of its own in the service's domain.
pub(crate) fn has_hostname(pod: &Pod, service: &Service) -> bool {
    !pod.spec.hostname.is_empty()
        && pod.spec.subdomain == service.metadata.name
        && pod.metadata.namespace == service.metadata.namespace
}

/// The addresses of a pod.
pub(crate) fn addresses(pod: &Pod) -> impl Iterator<Item = IpAddr> + '_ {
    let only = pod.status.pod_ips.is_empty().then_some(&pod.status.pod_ip);
    let all = pod.status.pod_ips.iter().map(|ip| &ip.ip);
    all.chain(only)
        .filter_map(|text| apimachinery::names::parse_ip_sloppy(text))
}

/// The reference from an endpoint to its pod.
pub(crate) fn reference(pod: &Pod) -> Box<ObjectReference> {
    Box::new(ObjectReference {
        kind: "Pod".to_owned(),
        namespace: pod.metadata.namespace.clone(),
        name: pod.metadata.name.clone(),
        uid: pod.metadata.uid.clone(),
        ..ObjectReference::default()
    })
}

/// The port of a pod that a service's port leads to.
pub(crate) fn find_port(pod: &Pod, port: &ServicePort) -> Option<i32> {
    let name = match &port.target_port {
        IntOrString::Int(number) => {
            return Some(if *number == 0 { port.port } else { *number });
        }
        IntOrString::String(name) => name,
    };
    let sidecars = pod
        .spec
        .init_containers
        .iter()
        .filter(|container| container.restart_policy.as_deref() == Some("Always"));
    pod.spec
        .containers
        .iter()
        .chain(sidecars)
        .flat_map(|container| &container.ports)
        .find(|candidate: &&ContainerPort| candidate.name == **name && candidate.protocol == port.protocol)
        .map(|found| found.container_port)
}

/// Whether a change of a pod changes an endpoint.
pub(crate) fn endpoint_changed(old: &Pod, new: &Pod) -> bool {
    let facts = |pod: &Pod| {
        (
            pod.metadata.deletion_timestamp.is_some(),
            is_ready(pod),
            is_terminal(pod),
            pod.spec.node_name.clone(),
            pod.spec.hostname.clone(),
            pod.spec.subdomain.clone(),
        )
    };
    old.metadata.uid != new.metadata.uid
        || facts(old) != facts(new)
        || old.status.pod_ip != new.status.pod_ip
        || old.status.pod_ips != new.status.pod_ips
}
