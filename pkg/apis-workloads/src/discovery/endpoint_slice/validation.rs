//! What an endpoint slice must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_core::validate_endpoint_ip;
use apis_pod::{
    meta::{NameRule, validate_labels, validate_object_meta},
    rules::{named, one_of, qualified_name, required_one_of},
};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::discovery::v1::{Endpoint, EndpointHints, EndpointPort, EndpointSlice};

use crate::common::{METADATA, immutable};

const ADDRESS_TYPES: [&str; 3] = ["FQDN", "IPv4", "IPv6"];
const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];
const ZONE_LABEL: &str = "topology.kubernetes.io/zone";
const MAX_TOPOLOGY_LABELS: usize = 16;
const MAX_ADDRESSES: usize = 100;
const MAX_PORTS: usize = 20_000;
const MAX_ENDPOINTS: usize = 1_000;
const MAX_HINTS: usize = 8;

/// Every fault of a new slice.
#[must_use]
pub fn validate(slice: &EndpointSlice, gates: &FeatureGates) -> ErrorList {
    validate_slice(slice, None, gates)
}

/// Every fault of a changed slice.
#[must_use]
pub fn validate_update(new: &EndpointSlice, old: &EndpointSlice, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_slice(new, Some(old), gates);
    errors.extend(immutable(
        &Path::new("addressType"),
        &new.address_type,
        &old.address_type,
        |type_| named(type_),
    ));
    errors
}

fn validate_slice(slice: &EndpointSlice, old: Option<&EndpointSlice>, gates: &FeatureGates) -> ErrorList {
    let mut errors = validate_object_meta(&slice.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    errors.extend(required_one_of(
        &Path::new("addressType"),
        &slice.address_type,
        &ADDRESS_TYPES,
    ));
    validate_ports(&slice.ports, &Path::new("ports"), &mut errors);
    let mut of_endpoints = ErrorList::new();
    validate_endpoints(slice, gates, &Path::new("endpoints"), &mut of_endpoints);
    // What was stored before the rules were made may stay. Only faulty endpoints are worth comparing.
    if !of_endpoints.is_empty() && old.is_none_or(|old| old.endpoints != slice.endpoints) {
        errors.append(of_endpoints);
    }
    errors
}

fn validate_ports(ports: &[EndpointPort], path: &Path<'_>, errors: &mut ErrorList) {
    if ports.len() > MAX_PORTS {
        errors.push(Error::too_many(path, ports.len(), MAX_PORTS));
        return;
    }
    let mut seen = Vec::with_capacity(ports.len());
    for (index, port) in ports.iter().enumerate() {
        let path = path.index(index);
        let name = port.name.as_deref().unwrap_or_default();
        let name_path = path.child("name");
        if !name.is_empty() {
            errors.invalid_each(&name_path, name, names::dns1123_label(name));
        }
        if seen.contains(&name) {
            errors.push(Error::duplicate(&name_path, name));
        } else {
            seen.push(name);
        }
        let protocol = path.child("protocol");
        match &port.protocol {
            None => errors.push(Error::required(&protocol, "")),
            Some(value) => errors.extend(one_of(&protocol, value, &PROTOCOLS)),
        }
        if let Some(protocol) = &port.app_protocol {
            errors.append(qualified_name(&path.child("appProtocol"), protocol));
        }
    }
}

fn validate_endpoints(slice: &EndpointSlice, gates: &FeatureGates, path: &Path<'_>, errors: &mut ErrorList) {
    if slice.endpoints.len() > MAX_ENDPOINTS {
        errors.push(Error::too_many(path, slice.endpoints.len(), MAX_ENDPOINTS));
        return;
    }
    let strict = gates.enabled(Feature::StrictIPCIDRValidation);
    for (index, endpoint) in slice.endpoints.iter().enumerate() {
        validate_endpoint(endpoint, &slice.address_type, strict, &path.index(index), errors);
    }
}

fn validate_endpoint(endpoint: &Endpoint, address_type: &str, strict: bool, path: &Path<'_>, errors: &mut ErrorList) {
    let addresses = path.child("addresses");
    match endpoint.addresses.len() {
        0 => errors.push(Error::required(&addresses, "must contain at least 1 address")),
        count if count > MAX_ADDRESSES => errors.push(Error::too_many(&addresses, count, MAX_ADDRESSES)),
        _ => {}
    }
    for (index, address) in endpoint.addresses.iter().enumerate() {
        let path = addresses.index(index);
        match address_type {
            "IPv4" => {
                let faults = names::validate_legacy_ip(&path, address, strict, &[]);
                validate_ip(address, faults, true, &addresses, &path, errors);
            }
            "IPv6" => {
                let faults = names::validate_ip(&path, address);
                validate_ip(address, faults, false, &addresses, &path, errors);
            }
            "FQDN" => errors.append(validate_fully_qualified_domain_name(&path, address)),
            _ => {}
        }
    }
    if let Some(name) = &endpoint.node_name {
        errors.invalid_each(&path.child("nodeName"), name, names::dns1123_subdomain(name));
    }
    let topology = path.child("deprecatedTopology");
    let labels = &endpoint.deprecated_topology;
    if labels.len() > MAX_TOPOLOGY_LABELS {
        errors.push(Error::too_many(&topology, labels.len(), MAX_TOPOLOGY_LABELS));
    }
    errors.append(validate_labels(labels, &topology));
    if labels.contains_key(ZONE_LABEL) {
        let detail = "reserved key was not removed in conversion";
        errors.push(Error::internal(&topology.key(ZONE_LABEL), detail));
    }
    if let Some(name) = &endpoint.hostname {
        errors.invalid_each(&path.child("hostname"), name, names::dns1123_label(name));
    }
    if let Some(hints) = &endpoint.hints {
        validate_hints(hints, &path.child("hints"), errors);
    }
}

fn validate_ip(address: &str, faults: ErrorList, ipv4: bool, list: &Path<'_>, path: &Path<'_>, errors: &mut ErrorList) {
    if !faults.is_empty() {
        errors.append(faults);
        return;
    }
    if names::parse_ip_sloppy(address).is_some_and(|ip| ip.is_ipv4() != ipv4) {
        let detail = format!("must be an IPv{} address", if ipv4 { 4 } else { 6 });
        errors.push(Error::invalid(list, address, detail));
    }
    errors.append(validate_endpoint_ip(address, path));
}

fn validate_fully_qualified_domain_name(path: &Path<'_>, name: &str) -> ErrorList {
    if name.is_empty() {
        return Error::required(path, "").into();
    }
    let name = name.strip_suffix('.').unwrap_or(name);
    let messages = names::dns1123_subdomain(name);
    if !messages.is_empty() {
        return Error::invalid(path, name, messages.join(",")).into();
    }
    if !name.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        return Error::invalid(path, name, detail).into();
    }
    let mut faults = name.split('.').map(|label| (label, names::dns1123_label(label)));
    match faults.find(|(_, messages)| !messages.is_empty()) {
        Some((label, messages)) => Error::invalid(path, label, messages.join(",")).into(),
        None => ErrorList::new(),
    }
}

fn validate_hints(hints: &EndpointHints, path: &Path<'_>, errors: &mut ErrorList) {
    let zones: Vec<&str> = hints.for_zones.iter().map(|zone| zone.name.as_str()).collect();
    let nodes: Vec<&str> = hints.for_nodes.iter().map(|node| node.name.as_str()).collect();
    type List<'a> = (&'static str, Vec<&'a str>, fn(&str) -> names::Messages);
    let lists: [List<'_>; 2] = [
        ("forZones", zones, names::label_value),
        ("forNodes", nodes, names::dns1123_subdomain),
    ];
    for (list, hints, rule) in lists {
        let path = path.child(list);
        if hints.len() > MAX_HINTS {
            errors.push(Error::too_many(&path, hints.len(), MAX_HINTS));
            return;
        }
        for (index, name) in hints.iter().enumerate() {
            let path = path.index(index);
            let path = path.child("name");
            if hints[..index].contains(name) {
                errors.push(Error::duplicate(&path, BadValue::from(*name)));
            }
            errors.invalid_each(&path, name, rule(name));
        }
    }
}
