//! `CSIStorageCapacity`: what a driver can still provide in one topology segment.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::NameRule;
use k8s_api::storage::v1::CSIStorageCapacity;

use crate::common;

/// Every fault of a new object.
#[must_use]
pub fn validate(capacity: &CSIStorageCapacity) -> ErrorList {
    validate_with(capacity, false)
}

fn validate_with(capacity: &CSIStorageCapacity, allow_invalid_label_values: bool) -> ErrorList {
    let mut errors = common::object_meta(&capacity.metadata, true, NameRule::Dns1123Subdomain);
    if let Some(selector) = &capacity.node_topology {
        errors.append(common::label_selector(
            selector,
            allow_invalid_label_values,
            &Path::new("nodeTopology"),
        ));
    }
    let class = &capacity.storage_class_name;
    errors.invalid_each(&Path::new("storageClassName"), class, names::dns1123_subdomain(class));
    if let Some(quantity) = capacity.capacity.as_ref().filter(|quantity| quantity.signum() < 0) {
        let detail = "must be greater than or equal to 0";
        errors.push(Error::invalid(&Path::new("capacity"), quantity.to_string(), detail));
    }
    errors
}

/// Every fault of an update; topology and class stay, and label values that were malformed are borne.
#[must_use]
pub fn validate_update(new: &CSIStorageCapacity, old: &CSIStorageCapacity) -> ErrorList {
    let selector = old.node_topology.as_deref();
    let tolerant = selector.is_some_and(|selector| !common::label_selector(selector, false, &Path::NIL).is_empty());
    let mut errors = validate_with(new, tolerant);
    errors.append(common::object_meta_update(&new.metadata, &old.metadata));
    if new.node_topology != old.node_topology {
        let shown = new
            .node_topology
            .as_deref()
            .map_or_else(|| BadValue::plain("null"), common::selector_value);
        errors.push(Error::invalid(&Path::new("nodeTopology"), shown, common::IMMUTABLE));
    }
    errors.extend(common::immutable_text(
        &Path::new("storageClassName"),
        &new.storage_class_name,
        &old.storage_class_name,
    ));
    errors
}
