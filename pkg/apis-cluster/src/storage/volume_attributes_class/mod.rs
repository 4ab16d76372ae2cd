//! `VolumeAttributesClass`: parameters of a volume that may change while it is in use.

use apimachinery::field::{Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::storage::v1::VolumeAttributesClass;

use crate::common;

/// Every fault of a new class.
#[must_use]
pub fn validate(class: &VolumeAttributesClass) -> ErrorList {
    let mut errors = common::object_meta(&class.metadata, false, NameRule::Dns1123Subdomain);
    errors.append(super::validate_provisioner(
        &Path::new("driverName"),
        &class.driver_name,
    ));
    errors.append(super::validate_parameters(
        &Path::new("parameters"),
        &class.parameters,
        false,
    ));
    errors
}

/// Every fault of an update; neither driver nor parameters may change.
#[must_use]
pub fn validate_update(new: &VolumeAttributesClass, old: &VolumeAttributesClass) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    for (name, changed) in [
        ("driverName", new.driver_name != old.driver_name),
        ("parameters", new.parameters != old.parameters),
    ] {
        if changed {
            let detail = format!("updates to {name} are forbidden.");
            errors.push(Error::forbidden(&Path::new(name), detail));
        }
    }
    errors.append(validate(new));
    errors
}
