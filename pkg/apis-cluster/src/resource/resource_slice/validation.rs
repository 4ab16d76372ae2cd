//! What a slice must be: devices or counters, on exactly one kind of place.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names as formats,
};
use apis_pod::meta::NameRule;
use k8s_api::resource::v1::{CounterSet, Device, ResourcePool, ResourceSlice, ResourceSliceSpec};

use super::{
    super::{names, set},
    device,
};
use crate::common;

const MAX_DEVICES: usize = 128;
/// The most devices where some have taints, counters or lists for attributes.
const MAX_DEVICES_WITH_EXTRAS: usize = 64;
const MAX_COUNTER_SETS: usize = 8;
pub(super) const MAX_COUNTERS: usize = 32;

/// Every fault of a new slice.
#[must_use]
pub fn validate(slice: &ResourceSlice) -> ErrorList {
    let mut errors = common::object_meta(&slice.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(validate_spec(&slice.spec, None));
    errors
}

/// Every fault of an update; taints that stay are not checked again.
#[must_use]
pub fn validate_update(new: &ResourceSlice, old: &ResourceSlice) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    errors.append(validate_spec(&new.spec, Some(&old.spec)));
    errors
}

fn validate_spec(spec: &ResourceSliceSpec, old: Option<&ResourceSliceSpec>) -> ErrorList {
    let path = Path::new("spec");
    let driver = path.child("driver");
    let pool = path.child("pool");
    let mut errors = common::driver_name(&driver, &spec.driver);
    errors.append(validate_pool(&spec.pool, &pool));
    if let Some(old) = old {
        errors.extend(common::immutable_text(
            &pool.child("name"),
            &spec.pool.name,
            &old.pool.name,
        ));
        errors.extend(common::immutable_text(&driver, &spec.driver, &old.driver));
        errors.extend(common::immutable_option(
            &path.child("nodeName"),
            &spec.node_name,
            &old.node_name,
        ));
    }
    errors.append(validate_place(spec, &path));
    if !spec.shared_counters.is_empty() && !spec.devices.is_empty() {
        errors.push(Error::invalid(
            &path,
            "",
            "only one of `sharedCounters` or `devices` is allowed",
        ));
    }
    let most = if spec.devices.iter().any(has_extras) {
        MAX_DEVICES_WITH_EXTRAS
    } else {
        MAX_DEVICES
    };
    let per_device = spec.per_device_node_selection == Some(true);
    let before = |name: &str| old.and_then(|old| old.devices.iter().find(|device| device.name == name));
    errors.append(set::validate_named(
        &spec.devices,
        most,
        &path.child("devices"),
        |device, path| device::validate(device, before(&device.name), per_device, path),
        |device| &device.name,
    ));
    let counters = path.child("sharedCounters");
    errors.append(set::validate_named(
        &spec.shared_counters,
        MAX_COUNTER_SETS,
        &counters,
        validate_counter_set,
        |set| &set.name,
    ));
    errors
}

fn has_extras(device: &Device) -> bool {
    let lists = |attribute: &k8s_api::resource::v1::DeviceAttribute| {
        !(attribute.bools.is_empty()
            && attribute.ints.is_empty()
            && attribute.strings.is_empty()
            && attribute.versions.is_empty())
    };
    !device.taints.is_empty() || !device.consumes_counters.is_empty() || device.attributes.values().any(lists)
}

fn validate_pool(pool: &ResourcePool, path: &Path<'_>) -> ErrorList {
    let mut errors = names::validate_pool(&pool.name, &path.child("name"));
    if pool.resource_slice_count <= 0 {
        let path = path.child("resourceSliceCount");
        errors.push(Error::invalid(
            &path,
            pool.resource_slice_count,
            "must be greater than zero",
        ));
    }
    if pool.generation < 0 {
        let detail = "must be greater than or equal to zero";
        errors.push(Error::invalid(&path.child("generation"), pool.generation, detail));
    }
    errors
}

fn validate_place(spec: &ResourceSliceSpec, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut places = Vec::new();
    if let Some(node) = &spec.node_name {
        let path = path.child("nodeName");
        if node.is_empty() {
            errors.push(Error::invalid(
                &path,
                "",
                "must be either unset or set to a non-empty string",
            ));
        } else {
            places.push("`nodeName`");
            errors.invalid_each(&path, node, formats::dns1123_subdomain(node));
        }
    }
    if let Some(selector) = &spec.node_selector {
        places.push("`nodeSelector`");
        let path = path.child("nodeSelector");
        errors.append(common::node_selector(selector, &path));
        if selector.node_selector_terms.len() != 1 {
            let shown = BadValue::plain(common::node_selector_terms_json(selector));
            let detail = "must have exactly one node selector term";
            errors.push(Error::invalid(&path.child("nodeSelectorTerms"), shown, detail));
        }
    }
    for (name, shown, value) in [
        ("allNodes", "`allNodes`", spec.all_nodes),
        (
            "perDeviceNodeSelection",
            "`perDeviceNodeSelection`",
            spec.per_device_node_selection,
        ),
    ] {
        match value {
            Some(true) => places.push(shown),
            Some(false) => {
                errors.push(Error::invalid(
                    &path.child(name),
                    false,
                    "must be either unset or set to true",
                ));
            }
            None => {}
        }
    }
    let detail = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
    match places.len() {
        0 => errors.push(Error::required(path, detail)),
        1 => {}
        _ => {
            let shown = format!("{{{}}}", places.join(", "));
            errors.push(Error::invalid(
                path,
                shown,
                format!("{detail}, but multiple fields are set"),
            ));
        }
    }
    errors
}

fn validate_counter_set(counters: &CounterSet, path: &Path<'_>) -> ErrorList {
    let mut errors = names::validate_required_label(&counters.name, &path.child("name"));
    errors.append(device::validate_counters(&counters.counters, &path.child("counters")));
    errors
}
