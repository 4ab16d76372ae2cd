//! A driver's entry may come and go, but only its volume limit may change.

use std::collections::HashSet;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_pod::meta::NameRule;
use k8s_api::storage::v1::{CSINode, CSINodeDriver};

use crate::{common, go};

const MAX_NODE_ID: usize = 256;

/// Every fault of a new object.
#[must_use]
pub fn validate(node: &CSINode) -> ErrorList {
    let mut errors = common::object_meta(&node.metadata, false, NameRule::Dns1123Subdomain);
    let drivers = Path::new("spec.drivers");
    let mut seen = HashSet::new();
    for (at, driver) in node.spec.drivers.iter().enumerate() {
        errors.append(validate_driver(driver, &mut seen, &drivers.index(at)));
    }
    errors
}

/// Every fault of an update.
#[must_use]
pub fn validate_update(new: &CSINode, old: &CSINode) -> ErrorList {
    let mut errors = validate(new);
    let path = Path::new("spec.drivers");
    for old in &old.spec.drivers {
        for new in new.spec.drivers.iter().filter(|new| new.name == old.name) {
            if (&new.node_id, &new.topology_keys) != (&old.node_id, &old.topology_keys) {
                let shown = go::Struct::new()
                    .field("Name", &new.name)
                    .field("NodeID", &new.node_id)
                    .raw("TopologyKeys", &go::list(&new.topology_keys))
                    .raw("Allocatable", "null");
                errors.push(Error::invalid(&path, shown.bad_value(), common::IMMUTABLE));
            }
        }
    }
    errors
}

fn validate_driver<'a>(driver: &'a CSINodeDriver, seen: &mut HashSet<&'a str>, path: &Path<'_>) -> ErrorList {
    let (name, id) = (path.child("name"), path.child("nodeID"));
    let mut errors = common::driver_name(&name, &driver.name);
    if driver.node_id.is_empty() {
        errors.push(Error::required(&id, ""));
    }
    if driver.node_id.len() > MAX_NODE_ID {
        let detail = format!("must be {MAX_NODE_ID} characters or less");
        errors.push(Error::invalid(&id, &driver.node_id, detail));
    }
    if let Some(count) = driver.allocatable.as_ref().and_then(|limits| limits.count) {
        errors.extend(common::not_negative(
            &path.child("allocatable").child("count"),
            count.into(),
        ));
    }
    if !seen.insert(&driver.name) {
        errors.push(Error::duplicate(&name, &driver.name));
    }
    let mut keys = HashSet::new();
    for key in &driver.topology_keys {
        if key.is_empty() {
            errors.push(Error::required(path, ""));
        }
        if !keys.insert(key.as_str()) {
            errors.push(Error::duplicate(path, key));
        }
        errors.invalid_each(path, key, names::qualified_name(key));
    }
    errors
}
