//! Ports that are defined twice, or nearly so.

use std::collections::HashMap;

use apimachinery::field::Path;
use k8s_api::{
    core::v1::{ContainerPort, PodSpec},
    primitives::quote,
};

use super::super::for_each_container;

pub(super) fn warnings_for_ports(spec: &PodSpec, path: &Path<'_>) -> Vec<String> {
    let mut warnings = Vec::new();
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
