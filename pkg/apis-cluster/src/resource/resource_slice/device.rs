//! One device of a slice.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names as formats,
};
use k8s_api::{
    Map,
    resource::v1::{Counter, Device, DeviceAttribute},
};

use super::{
    super::{names, set, taints},
    attributes, capacity,
    validation::MAX_COUNTERS,
};
use crate::common;

const MAX_ATTRIBUTES_AND_CAPACITIES: usize = 32;
const MAX_ATTRIBUTE_VALUES: usize = 48;
const MAX_TAINTS: usize = 16;
const MAX_CONSUMED_SETS: usize = 2;

pub(super) fn validate(device: &Device, old: Option<&Device>, per_device: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = names::validate_label(&device.name, &path.child("name"));
    let total = device.attributes.len() + device.capacity.len();
    if total > MAX_ATTRIBUTES_AND_CAPACITIES {
        let detail =
            format!("the total number of attributes and capacities must not exceed {MAX_ATTRIBUTES_AND_CAPACITIES}");
        errors.push(Error::invalid(path, total, detail));
    }
    let values: usize = device.attributes.values().map(count_values).sum();
    if values > MAX_ATTRIBUTE_VALUES {
        let detail = format!("the total number of attribute values must not exceed {MAX_ATTRIBUTE_VALUES}");
        errors.push(Error::invalid(path, values, detail));
    }
    errors.append(set::validate_map(
        &device.attributes,
        names::MAX_QUALIFIED_NAME,
        &path.child("attributes"),
        names::validate_qualified,
        attributes::validate,
    ));
    let shared = device.allow_multiple_allocations == Some(true);
    errors.append(set::validate_map(
        &device.capacity,
        names::MAX_QUALIFIED_NAME,
        &path.child("capacity"),
        names::validate_qualified,
        |capacity, path| capacity::validate(capacity, shared, path),
    ));
    if old.is_none_or(|old| old.taints != device.taints) {
        errors.append(set::validate_list(
            &device.taints,
            MAX_TAINTS,
            &path.child("taints"),
            taints::validate_taint,
        ));
    }
    errors.append(set::validate_named(
        &device.consumes_counters,
        MAX_CONSUMED_SETS,
        &path.child("consumesCounters"),
        |consumed, path| {
            let mut errors = names::validate_required_label(&consumed.counter_set, &path.child("counterSet"));
            errors.append(validate_counters(&consumed.counters, &path.child("counters")));
            errors
        },
        |consumed| &consumed.counter_set,
    ));
    errors.append(validate_place(device, per_device, path));
    let (wait, fail) = (&device.binding_conditions, &device.binding_failure_conditions);
    errors.append(taints::validate_binding_conditions(wait, fail, path));
    errors.append(validate_mappings(
        device,
        &path.child("nodeAllocatableResourceMappings"),
    ));
    errors
}

fn count_values(attribute: &DeviceAttribute) -> usize {
    let lists = attribute.bools.len() + attribute.ints.len() + attribute.strings.len() + attribute.versions.len();
    lists.max(1)
}

/// Counters by name; at least one.
pub(super) fn validate_counters(counters: &Map<Counter>, path: &Path<'_>) -> ErrorList {
    if counters.is_empty() {
        return Error::required(path, "").into();
    }
    if counters.len() > MAX_COUNTERS {
        return Error::too_many(path, counters.len(), MAX_COUNTERS).into();
    }
    counters
        .keys()
        .flat_map(|name| names::validate_label(name, path))
        .collect()
}

/// Where the device is, if each device of the slice says so for itself.
fn validate_place(device: &Device, per_device: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if !per_device {
        if device.node_name.is_some() || device.node_selector.is_some() || device.all_nodes.is_some() {
            let detail = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
            errors.push(Error::invalid(path, BadValue::plain("null"), detail));
        }
        return errors;
    }
    let mut places = Vec::new();
    if let Some(node) = &device.node_name {
        let path = path.child("nodeName");
        if node.is_empty() {
            errors.push(Error::invalid(&path, "", "must not be empty"));
        } else {
            places.push("`nodeName`");
            errors.invalid_each(&path, node, formats::dns1123_subdomain(node));
        }
    }
    if let Some(selector) = &device.node_selector {
        places.push("`nodeSelector`");
        errors.append(common::node_selector(selector, &path.child("nodeSelector")));
    }
    match device.all_nodes {
        Some(true) => places.push("`allNodes`"),
        Some(false) => {
            errors.push(Error::invalid(
                &path.child("allNodes"),
                false,
                "must be either unset or set to true",
            ));
        }
        None => {}
    }
    let detail = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
    match places.len() {
        0 => errors.push(Error::required(path, detail)),
        1 => {}
        _ => errors.push(Error::invalid(path, format!("{{{}}}", places.join(", ")), detail)),
    }
    errors
}

fn validate_mappings(device: &Device, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, mapping) in &device.node_allocatable_resource_mappings {
        let path = path.key(name);
        if !apis_pod::resources::is_native(name) {
            errors.push(Error::invalid(&path, name, "must be a node allocatable resource name"));
        }
        if mapping.allocation_multiplier.is_none() && mapping.capacity_key.is_none() {
            let detail = "at least one of allocationMultiplier or capacityKey must be set";
            errors.push(Error::invalid(&path, "", detail));
        }
        if let Some(factor) = mapping
            .allocation_multiplier
            .as_ref()
            .filter(|factor| factor.signum() <= 0)
        {
            let path = path.child("allocationMultiplier");
            errors.push(Error::invalid(&path, factor.to_string(), "must be positive"));
        }
        let key_path = path.child("capacityKey");
        match mapping.capacity_key.as_deref() {
            Some("") => errors.push(Error::invalid(&key_path, "", "capacityKey must not be an empty string")),
            Some(key) if !device.capacity.contains_key(key) => errors.push(Error::not_found(&key_path, key)),
            _ => {}
        }
    }
    errors
}
