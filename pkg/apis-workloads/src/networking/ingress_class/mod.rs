//! Ingress classes.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use apis_pod::meta::{NameRule, validate_object_meta, validate_object_meta_update};
use k8s_api::networking::v1::{IngressClass, IngressClassParametersReference};

use crate::common::{METADATA, SPEC, immutable, required_segment, validate_domain_prefixed_path};

const MAX_CONTROLLER_LENGTH: usize = 250;
const CLUSTER: &str = "Cluster";
const NAMESPACE: &str = "Namespace";

/// Sets the defaults.
pub fn set_defaults(class: &mut IngressClass) {
    if let Some(parameters) = &mut class.spec.parameters {
        parameters.scope.get_or_insert_with(|| CLUSTER.into());
    }
}

/// Every fault of a new class.
#[must_use]
pub fn validate(class: &IngressClass) -> ErrorList {
    let mut errors = validate_object_meta(&class.metadata, false, NameRule::Dns1123Subdomain, &METADATA);
    let controller = SPEC.child("controller");
    if class.spec.controller.len() > MAX_CONTROLLER_LENGTH {
        errors.push(Error::too_long(&controller, MAX_CONTROLLER_LENGTH));
    }
    errors.append(validate_domain_prefixed_path(&controller, &class.spec.controller));
    if let Some(parameters) = &class.spec.parameters {
        validate_parameters(parameters, &SPEC.child("parameters"), &mut errors);
    }
    errors
}

/// Every fault of a changed class.
#[must_use]
pub fn validate_update(new: &IngressClass, old: &IngressClass) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let path = SPEC.child("controller");
    errors.extend(immutable(&path, &new.spec.controller, &old.spec.controller, |v| {
        v.into()
    }));
    errors.append(validate(new));
    errors
}

fn validate_parameters(reference: &IngressClassParametersReference, path: &Path<'_>, errors: &mut ErrorList) {
    if let Some(group) = &reference.api_group {
        errors.invalid_each(&path.child("apiGroup"), group, names::dns1123_subdomain(group));
    }
    required_segment(&path.child("kind"), &reference.kind, errors);
    required_segment(&path.child("name"), &reference.name, errors);
    let namespace = path.child("namespace");
    match (reference.scope.as_deref(), &reference.namespace) {
        (None, _) => errors.push(Error::required(&path.child("scope"), "")),
        (Some(NAMESPACE), None) => {
            let detail = "`parameters.scope` is set to 'Namespace'";
            errors.push(Error::required(&namespace, detail));
        }
        (Some(NAMESPACE), Some(name)) => errors.invalid_each(&namespace, name, names::dns1123_label(name)),
        (Some(CLUSTER), Some(_)) => {
            let detail = "`parameters.scope` is set to 'Cluster'";
            errors.push(Error::forbidden(&namespace, detail));
        }
        (Some(CLUSTER), None) => {}
        (Some(scope), _) => {
            let path = path.child("scope");
            errors.push(Error::not_supported(&path, scope, &[CLUSTER, NAMESPACE]));
        }
    }
}
