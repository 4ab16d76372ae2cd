//! The kubelet's configuration by reference, a removed feature whose fields are still checked.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{ConfigMapNodeConfigSource, NodeConfigSource, NodeConfigStatus};

use crate::{go_value::GoValue, shared::validate_namespace_name};

pub(super) fn validate_spec(source: &NodeConfigSource, path: &Path<'_>, errors: &mut ErrorList) {
    validate_source(source, path, errors, |map, path, errors| {
        for (value, field) in [(&map.uid, "uid"), (&map.resource_version, "resourceVersion")] {
            if !value.is_empty() {
                errors.push(Error::forbidden(
                    &path.child(field),
                    format!("{field} must not be set in spec"),
                ));
            }
        }
    });
}

pub(super) fn validate_status(status: &NodeConfigStatus, path: &Path<'_>, errors: &mut ErrorList) {
    for (source, field) in [
        (&status.assigned, "assigned"),
        (&status.active, "active"),
        (&status.last_known_good, "lastKnownGood"),
    ] {
        let Some(source) = source else { continue };
        validate_source(source, &path.child(field), errors, |map, path, errors| {
            for (value, field) in [(&map.uid, "uid"), (&map.resource_version, "resourceVersion")] {
                if value.is_empty() {
                    errors.push(Error::required(&path.child(field), ""));
                }
            }
        });
    }
}

/// Checks a source: by `identity` what says which revision of the config map is meant, and what both
/// spec and status must hold.
fn validate_source(
    source: &NodeConfigSource,
    path: &Path<'_>,
    errors: &mut ErrorList,
    identity: impl Fn(&ConfigMapNodeConfigSource, &Path<'_>, &mut ErrorList),
) {
    let Some(map) = &source.config_map else {
        let shown = GoValue::object([("ConfigMap", GoValue::Null)]);
        let detail = "exactly one reference subfield must be non-nil";
        return errors.push(Error::invalid(path, shown.bad_value(), detail));
    };
    let path = path.child("configMap");
    identity(map, &path, errors);
    let (namespace, name, key) = (
        path.child("namespace"),
        path.child("name"),
        path.child("kubeletConfigKey"),
    );
    if map.namespace.is_empty() {
        errors.push(Error::required(&namespace, ""));
    } else {
        validate_namespace_name(&map.namespace, &namespace, errors);
    }
    if map.name.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        errors.invalid_each(&name, &map.name, names::dns1123_subdomain(&map.name));
    }
    if map.kubelet_config_key.is_empty() {
        errors.push(Error::required(&key, ""));
    } else {
        errors.invalid_each(
            &key,
            &map.kubelet_config_key,
            names::config_map_key(&map.kubelet_config_key),
        );
    }
}
