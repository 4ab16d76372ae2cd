//! Volumes that come out of the pod, the node or the API.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    CSIVolumeSource, ConfigMapVolumeSource, DownwardAPIVolumeFile, DownwardAPIVolumeSource, EmptyDirVolumeSource,
    FlexVolumeSource, GitRepoVolumeSource, HostPathVolumeSource, KeyToPath, SecretVolumeSource,
};

use super::{super::env, validate_mode};
use crate::rules::{descending_path, dns_subdomain, invalid_each, no_backsteps, non_reserved_path, required};

const HOST_PATH_TYPES: [&str; 8] = [
    "",
    "BlockDevice",
    "CharDevice",
    "Directory",
    "DirectoryOrCreate",
    "File",
    "FileOrCreate",
    "Socket",
];
const FIELD_PATHS: [&str; 5] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
];

pub(super) fn validate_empty_dir(source: &EmptyDirVolumeSource, path: &Path<'_>) -> ErrorList {
    let negative = source.size_limit.as_ref().is_some_and(|limit| limit.signum() < 0);
    let error = negative.then(|| {
        let detail = "SizeLimit field must be a valid resource quantity";
        Error::forbidden(&path.child("sizeLimit"), detail)
    });
    error.into_iter().collect()
}

pub(super) fn validate_host_path(source: &HostPathVolumeSource, path: &Path<'_>) -> ErrorList {
    let path_path = path.child("path");
    if let Some(error) = required(&path_path, &source.path) {
        return error.into();
    }
    let mut errors: ErrorList = no_backsteps(&path_path, &source.path).into_iter().collect();
    if let Some(kind) = source.type_.as_deref().filter(|kind| !HOST_PATH_TYPES.contains(kind)) {
        let value = BadValue::json(&kind);
        errors.push(Error::not_supported(&path.child("type"), value, &HOST_PATH_TYPES));
    }
    errors
}

pub(super) fn validate_git_repo(source: &GitRepoVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = required(&path.child("repository"), &source.repository)
        .into_iter()
        .collect();
    errors.append(descending_path(&path.child("directory"), &source.directory));
    errors
}

pub(super) fn validate_secret(source: &SecretVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = required(&path.child("secretName"), &source.secret_name)
        .into_iter()
        .collect();
    errors.extend(validate_mode(source.default_mode, &path.child("defaultMode")));
    errors.append(validate_items(&source.items, &path.child("items")));
    errors
}

pub(super) fn validate_config_map(source: &ConfigMapVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = required(&path.child("name"), &source.name).into_iter().collect();
    errors.extend(validate_mode(source.default_mode, &path.child("defaultMode")));
    errors.append(validate_items(&source.items, &path.child("items")));
    errors
}

fn validate_items(items: &[KeyToPath], path: &Path<'_>) -> ErrorList {
    let items = items.iter().enumerate();
    items
        .flat_map(|(index, item)| validate_item(item, &path.index(index)))
        .collect()
}

pub(super) fn validate_item(item: &KeyToPath, path: &Path<'_>) -> ErrorList {
    let path_path = path.child("path");
    let mut errors: ErrorList = required(&path.child("key"), &item.key).into_iter().collect();
    errors.extend(required(&path_path, &item.path));
    errors.append(non_reserved_path(&path_path, &item.path));
    errors.extend(validate_mode(item.mode, &path.child("mode")));
    errors
}

pub(super) fn validate_downward_api(source: &DownwardAPIVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = validate_mode(source.default_mode, &path.child("defaultMode"))
        .into_iter()
        .collect();
    for file in &source.items {
        errors.append(validate_downward_file(file, path));
    }
    errors
}

pub(super) fn validate_downward_file(file: &DownwardAPIVolumeFile, path: &Path<'_>) -> ErrorList {
    let path_path = path.child("path");
    let mut errors: ErrorList = required(&path_path, &file.path).into_iter().collect();
    errors.append(non_reserved_path(&path_path, &file.path));
    match (&file.field_ref, &file.resource_field_ref) {
        (Some(field), resource) => {
            errors.append(env::validate_field_selector(
                field,
                &FIELD_PATHS,
                &path.child("fieldRef"),
            ));
            if resource.is_some() {
                let detail = "fieldRef and resourceFieldRef can not be specified simultaneously";
                errors.push(Error::invalid(path, "resource", detail));
            }
        }
        (None, Some(resource)) => {
            let path = path.child("resourceFieldRef");
            errors.append(env::validate_resource_selector(resource, true, &path));
        }
        (None, None) => {
            let detail = "one of fieldRef and resourceFieldRef is required";
            errors.push(Error::required(path, detail));
        }
    }
    errors.extend(validate_mode(file.mode, &path.child("mode")));
    errors
}

pub(super) fn validate_flex_volume(source: &FlexVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors: ErrorList = required(&path.child("driver"), &source.driver).into_iter().collect();
    let options = path.child("options");
    for key in source.options.keys() {
        let domain = key.split_once('/').map_or(key.as_str(), |(domain, _)| domain);
        let domain = format!(".{}", domain.to_lowercase());
        if domain.ends_with(".kubernetes.io") || domain.ends_with(".k8s.io") {
            let detail = "kubernetes.io and k8s.io namespaces are reserved";
            errors.push(Error::invalid(&options.key(key), key, detail));
        }
    }
    errors
}

pub(super) fn validate_csi(source: &CSIVolumeSource, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_csi_driver_name(&source.driver, &path.child("driver"));
    if let Some(secret) = &source.node_publish_secret_ref {
        match required(&path.child("nodePublishSecretRef.name"), &secret.name) {
            Some(error) => errors.push(error),
            None => errors.append(dns_subdomain(&path.child("name"), &secret.name)),
        }
    }
    errors
}

/// Checks the name of a CSI driver: a domain of at most 63 bytes, in any case.
#[must_use]
pub fn validate_csi_driver_name(name: &str, path: &Path<'_>) -> ErrorList {
    if let Some(error) = required(path, name) {
        return error.into();
    }
    let mut errors = ErrorList::new();
    if name.len() > 63 {
        errors.push(Error::too_long(path, 63));
    }
    errors.append(invalid_each(path, name, names::dns1123_subdomain(&name.to_lowercase())));
    errors
}
