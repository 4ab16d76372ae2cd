//! Config maps: keys, size, immutability. They have no defaults.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::ConfigMap;

use crate::meta::{self, NameRule};

/// The most bytes that the values of a config map or a secret may have together.
pub const MAX_DATA_SIZE: usize = 1024 * 1024;

pub(crate) const FROZEN: &str = "field is immutable when `immutable` is set";

/// Checks a new config map.
#[must_use]
pub fn validate(map: &ConfigMap) -> ErrorList {
    let rule = NameRule::Dns1123Subdomain;
    let mut errors = meta::validate_object_meta(&map.metadata, true, rule, &Path::new("metadata"));
    let (data, binary) = (Path::new("data"), Path::new("binaryData"));
    let mut size = 0;
    for (key, value) in &map.data {
        let path = data.key(key);
        errors.invalid_each(&path, key, names::config_map_key(key));
        if map.binary_data.contains_key(key) {
            errors.push(Error::invalid(&path, key, "duplicate of key present in binaryData"));
        }
        size += value.len();
    }
    for (key, value) in &map.binary_data {
        errors.invalid_each(&binary.key(key), key, names::config_map_key(key));
        size += value.len();
    }
    if size > MAX_DATA_SIZE {
        // The path of the whole object is an empty name, and is printed so.
        errors.push(Error::too_long(&Path::new("[]"), MAX_DATA_SIZE));
    }
    errors
}

/// Checks an update of a config map.
#[must_use]
pub fn validate_update(map: &ConfigMap, old: &ConfigMap) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&map.metadata, &old.metadata, &Path::new("metadata"));
    if old.immutable == Some(true) {
        for (changed, field) in [
            (map.immutable != Some(true), "immutable"),
            (map.data != old.data, "data"),
            (map.binary_data != old.binary_data, "binaryData"),
        ] {
            if changed {
                errors.push(Error::forbidden(&Path::new(field), FROZEN));
            }
        }
    }
    errors.append(validate(map));
    errors
}
