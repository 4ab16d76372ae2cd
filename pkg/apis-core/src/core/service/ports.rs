//! Rules of a service's ports: each one by itself, and together.

use std::collections::HashSet;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::{
    core::v1::{Service, ServicePort},
    primitives::IntOrString,
};

use super::TYPE_CLUSTER_IP;
use crate::{
    go_value::{GoValue, named},
    shared::PROTOCOLS,
};

/// Checks a port's number, or its name.
#[must_use]
pub fn validate_port_number_or_name(port: &IntOrString, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    match port {
        IntOrString::Int(number) => {
            let messages = names::port_number(i64::from(*number));
            errors.extend(
                messages
                    .into_iter()
                    .map(|message| Error::invalid(path, *number, message)),
            );
        }
        IntOrString::String(name) => errors.invalid_each(path, name, names::port_name(name)),
    }
    errors
}

/// Checks every port by itself.
pub(super) fn validate_each(ports: &[ServicePort], path: &Path<'_>, errors: &mut ErrorList) {
    let mut seen = HashSet::new();
    for (index, port) in ports.iter().enumerate() {
        validate_one(port, ports.len() > 1, &mut seen, &path.index(index), errors);
    }
}

fn validate_one<'a>(
    port: &'a ServicePort,
    name_required: bool,
    seen: &mut HashSet<&'a str>,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    let name_path = path.child("name");
    if port.name.is_empty() {
        if name_required {
            errors.push(Error::required(&name_path, ""));
        }
    } else {
        errors.invalid_each(&name_path, &port.name, names::dns1123_label(&port.name));
        if !seen.insert(&port.name) {
            errors.push(Error::duplicate(&name_path, &port.name));
        }
    }
    let number = names::port_number(i64::from(port.port));
    errors.extend(
        number
            .into_iter()
            .map(|message| Error::invalid(&path.child("port"), port.port, message)),
    );
    let protocol = path.child("protocol");
    if port.protocol.is_empty() {
        errors.push(Error::required(&protocol, ""));
    } else if !PROTOCOLS.contains(&port.protocol.as_str()) {
        errors.push(Error::not_supported(&protocol, named(&port.protocol), &PROTOCOLS));
    }
    errors.append(validate_port_number_or_name(
        &port.target_port,
        &path.child("targetPort"),
    ));
    if let Some(app_protocol) = &port.app_protocol {
        errors.invalid_each(
            &path.child("appProtocol"),
            app_protocol,
            names::qualified_name(app_protocol),
        );
    }
}

/// Checks that no node port or port stands twice for one protocol, and that node ports are allowed.
pub(super) fn validate_together(service: &Service, path: &Path<'_>, errors: &mut ErrorList) {
    let ports = &service.spec.ports;
    if service.spec.type_ == TYPE_CLUSTER_IP {
        for (index, _) in ports.iter().enumerate().filter(|(_, port)| port.node_port != 0) {
            errors.push(Error::forbidden(
                &path.index(index).child("nodePort"),
                "may not be used when `type` is 'ClusterIP'",
            ));
        }
    }
    let mut node_ports = HashSet::new();
    for (index, port) in ports.iter().enumerate().filter(|(_, port)| port.node_port != 0) {
        if !node_ports.insert((port.protocol.as_str(), port.node_port)) {
            errors.push(Error::duplicate(&path.index(index).child("nodePort"), port.node_port));
        }
    }
    let mut numbers = HashSet::new();
    for (index, port) in ports.iter().enumerate() {
        if !numbers.insert((port.protocol.as_str(), port.port)) {
            errors.push(Error::duplicate(&path.index(index), key(port).bad_value()));
        }
    }
}

/// What makes a port unique, in the shape of a whole port.
fn key(port: &ServicePort) -> GoValue {
    GoValue::object([
        ("Name", "".into()),
        ("Protocol", (&port.protocol).into()),
        ("AppProtocol", GoValue::Null),
        ("Port", port.port.into()),
        ("TargetPort", 0.into()),
        ("NodePort", 0.into()),
    ])
}
