//! What an API service must be; its name follows from group and version.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::{
    apiregistration::v1::{APIService, APIServiceSpec},
    primitives::quote,
};

use crate::common;

/// Every fault of a new object.
#[must_use]
pub fn validate(service: &APIService) -> ErrorList {
    let spec = &service.spec;
    let wanted = format!("{}.{}", spec.version, spec.group);
    let mut errors = common::object_meta(&service.metadata, false, |name: &str, _: bool| {
        let mut messages = names::path_segment_name(name);
        if messages.is_empty() && name != wanted {
            messages.push(format!("must be `spec.version+\".\"+spec.group`: {}", quote(&wanted)));
        }
        messages
    });
    errors.append(validate_spec(spec));
    errors
}

/// Every fault of an update.
#[must_use]
pub fn validate_update(new: &APIService, old: &APIService) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    errors.append(validate(new));
    errors
}

/// Every fault of an update of the status.
#[must_use]
pub fn validate_status_update(new: &APIService, old: &APIService) -> ErrorList {
    let mut errors = common::object_meta_update(&new.metadata, &old.metadata);
    let path = Path::new("status.conditions");
    for (at, condition) in new.status.conditions.iter().enumerate() {
        let path = path.index(at);
        errors.extend(common::one_of(
            &path.child("status"),
            &condition.status,
            &["True", "False", "Unknown"],
        ));
    }
    errors
}

fn validate_spec(spec: &APIServiceSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    let group = path.child("group");
    if spec.group.is_empty() && spec.version != "v1" {
        errors.push(Error::required(
            &group,
            "only v1 may have an empty group and it better be legacy kube",
        ));
    }
    if !spec.group.is_empty() {
        errors.invalid_each(&group, &spec.group, names::dns1123_subdomain(&spec.group));
    }
    errors.invalid_each(
        &path.child("version"),
        &spec.version,
        names::dns1035_label(&spec.version),
    );
    for (name, value, most) in [
        ("groupPriorityMinimum", spec.group_priority_minimum, 20_000),
        ("versionPriority", spec.version_priority, 1_000),
    ] {
        if value <= 0 || value > most {
            let detail = format!("must be positive and less than {most}");
            errors.push(Error::invalid(&path.child(name), value, detail));
        }
    }
    errors.append(validate_backend(spec));
    errors
}

/// Where and how the server is reached; nothing of that for what is served here.
fn validate_backend(spec: &APIServiceSpec) -> ErrorList {
    let path = Path::new("spec");
    let mut errors = ErrorList::new();
    let insecure = path.child("insecureSkipTLSVerify");
    let Some(service) = &spec.service else {
        if !spec.ca_bundle.is_empty() {
            let shown = format!("{} bytes", spec.ca_bundle.len());
            errors.push(Error::invalid(
                &path.child("caBundle"),
                shown,
                "local APIServices may not have a caBundle",
            ));
        }
        if spec.insecure_skip_tls_verify {
            errors.push(Error::invalid(
                &insecure,
                true,
                "local APIServices may not have insecureSkipTLSVerify",
            ));
        }
        return errors;
    };
    let reference = path.child("service");
    for (name, value) in [("namespace", &service.namespace), ("name", &service.name)] {
        if value.is_empty() {
            errors.push(Error::required(&reference.child(name), ""));
        }
    }
    let port = service.port.unwrap_or(0);
    let messages = names::port_number(port.into());
    if !messages.is_empty() {
        let detail = format!("port is not valid: {}", messages.join(", "));
        errors.push(Error::invalid(&reference.child("port"), port, detail));
    }
    if spec.insecure_skip_tls_verify && !spec.ca_bundle.is_empty() {
        errors.push(Error::invalid(
            &insecure,
            true,
            "may not be true if caBundle is present",
        ));
    }
    errors
}
