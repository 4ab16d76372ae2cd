//! Ports that are defined twice, or nearly so.

use std::collections::HashMap;

use apimachinery::field::Path;
use k8s_api::{
    core::v1::{ContainerPort, PodSpec},
    primitives::quote,
};

use super::super::for_each_container;

/// So many ports are compared one by one.
const FEW: usize = 32;

/// Whether nothing can be said of the ports, as of those of almost every pod.
fn nothing_to_say(spec: &PodSpec) -> bool {
    let containers = spec.init_containers.iter().chain(&spec.containers);
    let ports: Vec<&ContainerPort> = containers.flat_map(|container| &container.ports).collect();
    let alike = |port: &ContainerPort, other: &ContainerPort| {
        (port.container_port == other.container_port && port.protocol == other.protocol)
            || (!port.name.is_empty() && port.name == other.name)
    };
    spec.ephemeral_containers.is_empty()
        && ports.len() <= FEW
        && ports.iter().enumerate().all(|(index, port)| {
            (port.host_ip.is_empty() || port.host_port != 0) && !ports[..index].iter().any(|other| alike(port, other))
        })
}

pub(super) fn warnings_for_ports(spec: &PodSpec, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
    if nothing_to_say(spec) {
        return warnings;
    }
    let mut seen: HashMap<(i32, String), Vec<(String, ContainerPort)>> = HashMap::new();
    for_each_container(spec, path, |container, _, path| {
        let list = path.child("ports");
        for (index, port) in container.ports.iter().enumerate() {
            let path = list.index(index).to_string();
            if !port.host_ip.is_empty() && port.host_port == 0 {
                warnings.push(format!("{path}: hostIP set without hostPort: {}", show(port)));
            }
            let others = seen.entry((port.container_port, port.protocol.clone())).or_default();
            for (other_path, other) in others.iter() {
                if let Some(relation) = relation(port, other) {
                    warnings.push(format!("{path}: {relation} port definition with {other_path}"));
                }
            }
            others.push((path, port.clone()));
        }
    });
    let mut names: HashMap<String, String> = HashMap::new();
    for_each_container(spec, path, |container, _, path| {
        let list = path.child("ports");
        for (index, port) in container
            .ports
            .iter()
            .enumerate()
            .filter(|(_, port)| !port.name.is_empty())
        {
            let path = list.index(index).to_string();
            match names.get(&port.name) {
                Some(other) => {
                    let name = quote(&port.name);
                    warnings.push(format!(
                        "{path}: duplicate port name {name} with {other}, services and probes that select ports by \
                         name will use {other}"
                    ));
                }
                None => {
                    names.insert(port.name.clone(), path);
                }
            }
        }
    });
    warnings
}

/// The port as Go prints the struct.
fn show(port: &ContainerPort) -> String {
    format!(
        "{{Name:{} HostPort:{} ContainerPort:{} Protocol:{} HostIP:{}}}",
        port.name, port.host_port, port.container_port, port.protocol, port.host_ip
    )
}

fn relation(port: &ContainerPort, other: &ContainerPort) -> Option<&'static str> {
    if port.host_ip == other.host_ip && port.host_port == other.host_port {
        Some("duplicate")
    } else if port.host_port == 0 || other.host_port == 0 {
        Some("overlapping")
    } else if port.host_port == other.host_port && port.host_ip.is_empty() != other.host_ip.is_empty() {
        Some("dangerously ambiguous")
    } else {
        None
    }
}
