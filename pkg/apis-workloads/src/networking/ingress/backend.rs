//! The backends of an ingress: a service, or something else in its namespace.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_pod::{
    meta::{NameCheck, NameRule},
    rules::invalid_number,
};
use k8s_api::{
    core::v1::TypedLocalObjectReference,
    networking::v1::{IngressBackend, IngressServiceBackend},
};

use super::validation::Options;
use crate::common::required_segment;

pub(super) fn validate(backend: &IngressBackend, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    match (&backend.resource, &backend.service) {
        (Some(_), Some(_)) => {
            let detail = "cannot set both resource and service backends";
            errors.push(Error::invalid(path, "", detail));
        }
        (Some(resource), None) => validate_resource(resource, &path.child("resource"), errors),
        (None, Some(service)) => validate_service(service, options, path, errors),
        (None, None) => {
            let detail = "resource or service backend is required";
            errors.push(Error::invalid(path, "", detail));
        }
    }
}

fn validate_service(service: &IngressServiceBackend, options: Options, path: &Path<'_>, errors: &mut ErrorList) {
    let name = path.child("service.name");
    if service.name.is_empty() {
        errors.push(Error::required(&name, ""));
    } else {
        let rule = if options.relaxed_service_names {
            NameRule::Dns1123Label
        } else {
            NameRule::Dns1035Label
        };
        errors.invalid_each(&name, &service.name, rule.check(&service.name, false));
    }
    let port = &service.port;
    match (port.name.as_str(), port.number) {
        ("", 0) => errors.push(Error::required(path, "port name or number is required")),
        ("", number) => {
            let number = i64::from(number);
            let path = path.child("service.port.number");
            errors.append(invalid_number(&path, number, names::port_number(number)));
        }
        (name, 0) => errors.invalid_each(&path.child("service.port.name"), name, names::port_name(name)),
        _ => errors.push(Error::invalid(path, "", "cannot set both port name & port number")),
    }
}

fn validate_resource(resource: &TypedLocalObjectReference, path: &Path<'_>, errors: &mut ErrorList) {
    if let Some(group) = &resource.api_group {
        errors.invalid_each(&path.child("apiGroup"), group, names::dns1123_subdomain(group));
    }
    required_segment(&path.child("kind"), &resource.kind, errors);
    required_segment(&path.child("name"), &resource.name, errors);
}
