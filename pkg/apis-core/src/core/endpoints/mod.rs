//! Endpoints.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::core::v1::{EndpointAddress, EndpointPort, EndpointSubset, Endpoints};

use crate::{
    go_value::named,
    meta::{self, NameRule},
    shared::{PROTOCOLS, legacy_ip, validate_endpoint_ip},
};

const MANAGED_BY_LABEL: &str = "endpoints.kubernetes.io/managed-by";
const CONTROLLER_NAME: &str = "endpoint-controller";

/// Sets the defaults of endpoints.
pub fn set_defaults(endpoints: &mut Endpoints) {
    for port in endpoints.subsets.iter_mut().flat_map(|subset| &mut subset.ports) {
        if port.protocol.is_empty() {
            "TCP".clone_into(&mut port.protocol);
        }
    }
}

/// Checks new endpoints.
#[must_use]
pub fn validate(endpoints: &Endpoints, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_metadata(endpoints);
    errors.append(validate_subsets(&endpoints.subsets, gates));
    errors
}

fn validate_metadata(endpoints: &Endpoints) -> ErrorList {
    meta::validate_object_meta(
        &endpoints.metadata,
        true,
        NameRule::Dns1123Subdomain,
        &Path::new("metadata"),
    )
}

/// Checks an update of endpoints; subsets that do not change may stay as they are.
#[must_use]
pub fn validate_update(endpoints: &Endpoints, old: &Endpoints, gates: &FeatureGates) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&endpoints.metadata, &old.metadata, &Path::new("metadata"));
    errors.append(validate_metadata(endpoints));
    let faults = validate_subsets(&endpoints.subsets, gates);
    if !faults.is_empty() && endpoints.subsets != old.subsets {
        errors.append(faults);
    }
    errors
}

fn validate_subsets(subsets: &[EndpointSubset], gates: &FeatureGates) -> ErrorList {
    let mut errors = ErrorList::new();
    let path = Path::new("subsets");
    for (index, subset) in subsets.iter().enumerate() {
        let path = path.index(index);
        if subset.addresses.is_empty() && subset.not_ready_addresses.is_empty() {
            errors.push(Error::required(
                &path,
                "must specify `addresses` or `notReadyAddresses`",
            ));
        }
        for (field, addresses) in [
            ("addresses", &subset.addresses),
            ("notReadyAddresses", &subset.not_ready_addresses),
        ] {
            let path = path.child(field);
            for (index, address) in addresses.iter().enumerate() {
                validate_address(address, &path.index(index), gates, &mut errors);
            }
        }
        let path = path.child("ports");
        for (index, port) in subset.ports.iter().enumerate() {
            validate_port(port, subset.ports.len() > 1, &path.index(index), &mut errors);
        }
    }
    errors
}

fn validate_address(address: &EndpointAddress, path: &Path<'_>, gates: &FeatureGates, errors: &mut ErrorList) {
    errors.append(legacy_ip(&path.child("ip"), &address.ip, &[], gates));
    if !address.hostname.is_empty() {
        errors.invalid_each(
            &path.child("hostname"),
            &address.hostname,
            names::dns1123_label(&address.hostname),
        );
    }
    if let Some(node) = &address.node_name {
        errors.invalid_each(&path.child("nodeName"), node, names::dns1123_subdomain(node));
    }
    errors.append(validate_endpoint_ip(&address.ip, &path.child("ip")));
}

fn validate_port(port: &EndpointPort, name_required: bool, path: &Path<'_>, errors: &mut ErrorList) {
    let name = path.child("name");
    if !port.name.is_empty() {
        errors.invalid_each(&name, &port.name, names::dns1123_label(&port.name));
    } else if name_required {
        errors.push(Error::required(&name, ""));
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
    if let Some(app_protocol) = &port.app_protocol {
        errors.invalid_each(
            &path.child("appProtocol"),
            app_protocol,
            names::qualified_name(app_protocol),
        );
    }
}

/// Warnings about endpoints that are created or updated by anyone but their controller, which
/// writes proper addresses only.
#[must_use]
pub fn warnings(endpoints: &Endpoints) -> Vec<String> {
    if endpoints
        .metadata
        .labels
        .get(MANAGED_BY_LABEL)
        .is_some_and(|name| name == CONTROLLER_NAME)
    {
        return Vec::new();
    }
    let mut warnings = Vec::new();
    let path = Path::new("subsets");
    for (index, subset) in endpoints.subsets.iter().enumerate() {
        let path = path.index(index);
        for (field, addresses) in [
            ("addresses", &subset.addresses),
            ("notReadyAddresses", &subset.not_ready_addresses),
        ] {
            let path = path.child(field);
            for (index, address) in addresses.iter().enumerate() {
                warnings.extend(names::ip_warnings(&path.index(index).child("ip"), &address.ip));
            }
        }
    }
    warnings
}
