//! Environment variables and what they are made of.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    EnvFromSource, EnvVar, EnvVarSource, FileKeySelector, ObjectFieldSelector, ResourceFieldSelector,
};

use super::super::PodValidationOptions;
use crate::{
    meta::{NameCheck as _, NameRule},
    rules::{dns_label, dns_subdomain, invalid_each, no_backsteps, qualified_name, required},
};

const MORE_THAN_ONE: &str = "may not have more than one field specified at a time";
const FIELD_PATHS: [&str; 9] = [
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.podIP",
    "status.podIPs",
];
/// Fields that a path may name at all, with or without a key.
const KNOWN_FIELDS: [&str; 14] = [
    "metadata.annotations",
    "metadata.labels",
    "metadata.name",
    "metadata.namespace",
    "metadata.uid",
    "spec.nodeName",
    "spec.restartPolicy",
    "spec.schedulerName",
    "spec.serviceAccountName",
    "status.hostIP",
    "status.hostIPs",
    "status.phase",
    "status.podIP",
    "status.podIPs",
];
const RESOURCES: [&str; 6] = [
    "limits.cpu",
    "limits.ephemeral-storage",
    "limits.memory",
    "requests.cpu",
    "requests.ephemeral-storage",
    "requests.memory",
];
const HUGE_PAGES: [&str; 2] = ["limits.hugepages-", "requests.hugepages-"];
const SIZE_DIVISORS: [&str; 13] = [
    "1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei",
];

pub(super) fn validate_env(variables: &[EnvVar], options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, variable) in variables.iter().enumerate() {
        let path = path.index(index);
        let name = path.child("name");
        match required(&name, &variable.name) {
            Some(error) => errors.push(error),
            None => {
                let messages = names::relaxed_env_var_name(&variable.name);
                errors.append(invalid_each(&name, &variable.name, messages));
            }
        }
        if let Some(source) = &variable.value_from {
            let path = path.child("valueFrom");
            errors.append(validate_source(source, !variable.value.is_empty(), options, &path));
        }
    }
    errors
}

fn validate_source(
    source: &EnvVarSource,
    has_value: bool,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut count = 0;
    if let Some(field) = &source.field_ref {
        count += 1;
        errors.append(validate_field_selector(field, &FIELD_PATHS, &path.child("fieldRef")));
    }
    if let Some(resource) = &source.resource_field_ref {
        count += 1;
        let path = path.child("resourceFieldRef");
        errors.append(validate_resource_selector(resource, false, &path));
    }
    if let Some(key) = &source.config_map_key_ref {
        count += 1;
        errors.append(validate_key(&key.name, &key.key, &path.child("configMapKeyRef")));
    }
    if let Some(key) = &source.secret_key_ref {
        count += 1;
        errors.append(validate_key(&key.name, &key.key, &path.child("secretKeyRef")));
    }
    if let Some(file) = &source.file_key_ref {
        count += 1;
        errors.append(validate_file(file, &path.child("fileKeyRef")));
    }
    let fault = match count {
        0 if options.allow_env_files => {
            "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"
        }
        0 => "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`",
        _ if has_value => "may not be specified when `value` is not empty",
        1 => return errors,
        _ => MORE_THAN_ONE,
    };
    errors.push(Error::invalid(path, "", fault));
    errors
}

/// Splits `metadata.labels['key']`.
fn split_subscript(path: &str) -> Option<(&str, &str)> {
    let (field, key) = path.strip_suffix("']")?.split_once("['")?;
    (!field.is_empty()).then_some((field, key))
}

/// Checks the path of a field of the pod, which must be one of `fields`, or a label or annotation.
pub(super) fn validate_field_selector(selector: &ObjectFieldSelector, fields: &[&str], path: &Path<'_>) -> ErrorList {
    let field_path = path.child("fieldPath");
    let missing = required(&path.child("apiVersion"), &selector.api_version);
    if let Some(error) = missing.or_else(|| required(&field_path, &selector.field_path)) {
        return error.into();
    }
    let refuse = |reason: String| {
        let detail = format!("error converting fieldPath: {reason}");
        Error::invalid(&field_path, &selector.field_path, detail).into()
    };
    let text = selector.field_path.as_str();
    if selector.api_version != "v1" {
        return refuse(format!("unsupported pod version: {}", selector.api_version));
    }
    if let Some((field, key)) = split_subscript(text) {
        return match field {
            "metadata.annotations" => qualified_name(path, &key.to_lowercase()),
            "metadata.labels" => qualified_name(path, key),
            _ => refuse(format!("field label does not support subscript: {text}")),
        };
    }
    let field = match text {
        "spec.host" => "spec.nodeName",
        known if KNOWN_FIELDS.contains(&known) => known,
        other => return refuse(format!("field label not supported: {other}")),
    };
    let fault = (!fields.contains(&field)).then(|| Error::not_supported(&field_path, field, fields));
    fault.into_iter().collect()
}

/// Checks a reference to a resource of a container, which a volume has to name.
pub(super) fn validate_resource_selector(selector: &ResourceFieldSelector, volume: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let resource = selector.resource.as_str();
    let huge_pages = HUGE_PAGES.iter().any(|prefix| resource.starts_with(prefix));
    if volume && selector.container_name.is_empty() {
        errors.push(Error::required(&path.child("containerName"), ""));
    } else if resource.is_empty() {
        errors.push(Error::required(&path.child("resource"), ""));
    } else if !RESOURCES.contains(&resource) && !huge_pages {
        errors.push(Error::not_supported(&path.child("resource"), resource, &RESOURCES));
    }
    if selector.divisor.is_zero() {
        return errors;
    }
    let (divisors, name): (&[&str], _) = match resource {
        "limits.cpu" | "requests.cpu" => (&["1m", "1"], "cpu"),
        "limits.memory" | "requests.memory" => (&SIZE_DIVISORS, "memory"),
        "limits.ephemeral-storage" | "requests.ephemeral-storage" => (&SIZE_DIVISORS, "local ephemeral storage"),
        _ if huge_pages => (&SIZE_DIVISORS, "hugepages"),
        _ => return errors,
    };
    if !divisors.contains(&selector.divisor.to_string().as_str()) {
        let all = if name == "cpu" {
            "1m and 1".to_owned()
        } else {
            divisors.join(", ")
        };
        let detail = format!("only divisor's values {all} are supported with the {name} resource");
        errors.push(Error::invalid(&path.child("divisor"), resource, detail));
    }
    errors
}

fn validate_key(name: &str, key: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = dns_subdomain(&path.child("name"), name);
    let key_path = path.child("key");
    match required(&key_path, key) {
        Some(error) => errors.push(error),
        None => errors.append(invalid_each(&key_path, key, names::config_map_key(key))),
    }
    errors
}

fn validate_file(file: &FileKeySelector, path: &Path<'_>) -> ErrorList {
    let (key, volume, file_path) = (path.child("key"), path.child("volumeName"), path.child("path"));
    let mut errors = match required(&key, &file.key) {
        Some(error) => error.into(),
        None => invalid_each(&key, &file.key, names::relaxed_env_var_name(&file.key)),
    };
    match required(&volume, &file.volume_name) {
        Some(error) => errors.push(error),
        None => errors.append(dns_label(&volume, &file.volume_name)),
    }
    errors.extend(required(&file_path, &file.path).or_else(|| no_backsteps(&file_path, &file.path)));
    errors
}

pub(super) fn validate_env_from(sources: &[EnvFromSource], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, source) in sources.iter().enumerate() {
        let at = path.index(index);
        if !source.prefix.is_empty() {
            let messages = names::relaxed_env_var_name(&source.prefix);
            errors.append(invalid_each(&at.child("prefix"), &source.prefix, messages));
        }
        let references = [
            ("configMapRef", source.config_map_ref.as_ref().map(|map| &map.name)),
            ("secretRef", source.secret_ref.as_ref().map(|secret| &secret.name)),
        ];
        let mut count = 0;
        for (member, name) in references {
            let Some(name) = name else {
                continue;
            };
            count += 1;
            let member = at.child(member);
            let name_path = member.child("name");
            errors.append(match required(&name_path, name) {
                Some(error) => error.into(),
                None => invalid_each(&name_path, name, NameRule::Dns1123Subdomain.check(name, true)),
            });
        }
        let fault = match count {
            0 => "must specify one of: `configMapRef` or `secretRef`",
            1 => continue,
            _ => MORE_THAN_ONE,
        };
        errors.push(Error::invalid(path, "", fault));
    }
    errors
}
