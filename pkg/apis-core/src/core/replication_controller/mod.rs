//! Replication controllers.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::pod::{self, PodValidationOptions, validation::validate_template_spec};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    Map,
    core::v1::{PodTemplateSpec, ReplicationController, ReplicationControllerSpec},
};

use crate::{
    go_value::{GoValue, named},
    meta::{self, validate_nonnegative},
};

const METADATA: Path<'static> = Path::new("metadata");
const SPEC: Path<'static> = Path::new("spec");
const NON_CONVERTIBLE_PREFIX: &str = "non-convertible.kubernetes.io";

/// Sets the defaults of a replication controller: what it selects, and its own labels, are those of
/// its pods.
pub fn set_defaults(controller: &mut ReplicationController) {
    let spec = &mut controller.spec;
    if let Some(template) = &mut spec.template {
        let labels = &template.metadata.labels;
        if spec.selector.is_empty() {
            spec.selector.clone_from(labels);
        }
        if controller.metadata.labels.is_empty() {
            controller.metadata.labels.clone_from(labels);
        }
        pod::set_template_spec_defaults(template);
    }
    spec.replicas.get_or_insert(1);
}

/// Checks a new replication controller.
#[must_use]
pub fn validate(controller: &ReplicationController, gates: &FeatureGates) -> ErrorList {
    // Of a generated name only the outcome is checked, not what it was made from.
    let rule = |name: &str, prefix: bool| {
        if prefix {
            Vec::new()
        } else {
            names::dns1123_subdomain(name)
        }
    };
    let mut errors = meta::validate_object_meta(&controller.metadata, true, rule, &METADATA);
    let options = PodValidationOptions::for_template(None, gates);
    validate_spec(&controller.spec, &options, &mut errors);
    errors
}

/// Checks an update of a replication controller.
#[must_use]
pub fn validate_update(
    controller: &ReplicationController,
    old: &ReplicationController,
    gates: &FeatureGates,
) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&controller.metadata, &old.metadata, &METADATA);
    let options = PodValidationOptions::for_template(old.spec.template.as_deref(), gates);
    validate_spec(&controller.spec, &options, &mut errors);
    validate_non_convertible(controller, old, &mut errors);
    errors
}

/// What a conversion from another kind could not express must not be changed blindly.
fn validate_non_convertible(controller: &ReplicationController, old: &ReplicationController, errors: &mut ErrorList) {
    for (key, value) in &old.metadata.annotations {
        let Some((_, field)) = key.split_once('/').filter(|_| key.starts_with(NON_CONVERTIBLE_PREFIX)) else {
            continue;
        };
        if field.contains('/') {
            continue;
        }
        let path = Path::new(field);
        if !field.contains("selector") {
            let mut error = Error::not_found(&path, value);
            "unknown non-convertible field".clone_into(&mut error.detail);
            errors.push(error);
        } else if controller.spec.selector != old.spec.selector {
            errors.push(Error::invalid(
                &SPEC.child("selector"),
                show_labels(&controller.spec.selector),
                "cannot update non-convertible selector",
            ));
        }
    }
}

fn show_labels(labels: &Map<String>) -> BadValue {
    let shown: GoValue = labels.into();
    shown.bad_value()
}

fn validate_spec(spec: &ReplicationControllerSpec, options: &PodValidationOptions, errors: &mut ErrorList) {
    let minimum = i64::from(spec.min_ready_seconds);
    errors.append(validate_nonnegative(minimum, &SPEC.child("minReadySeconds")));
    if spec.selector.is_empty() {
        errors.push(Error::required(&SPEC.child("selector"), ""));
    }
    let replicas = SPEC.child("replicas");
    match spec.replicas {
        None => errors.push(Error::required(&replicas, "")),
        Some(count) => errors.append(validate_nonnegative(i64::from(count), &replicas)),
    }
    let path = SPEC.child("template");
    match &spec.template {
        None => errors.push(Error::required(&path, "")),
        Some(template) => validate_template(template, &spec.selector, options, &path, errors),
    }
}

fn validate_template(
    template: &PodTemplateSpec,
    selector: &Map<String>,
    options: &PodValidationOptions,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    let labels = &template.metadata.labels;
    if !selector.iter().all(|(key, value)| labels.get(key) == Some(value)) {
        errors.push(Error::invalid(
            &path.child("metadata.labels"),
            show_labels(labels),
            "`selector` does not match template `labels`",
        ));
    }
    errors.append(validate_template_spec(template, options, path));
    let spec = path.child("spec");
    let policy = template.spec.restart_policy.as_str();
    if policy != "Always" {
        errors.push(Error::not_supported(
            &spec.child("restartPolicy"),
            named(policy),
            &["Always"],
        ));
    }
    if template.spec.active_deadline_seconds.is_some() {
        errors.push(Error::forbidden(
            &spec.child("activeDeadlineSeconds"),
            "activeDeadlineSeconds in ReplicationController is not Supported",
        ));
    }
}

/// Checks an update of a replication controller's status.
#[must_use]
pub fn validate_status_update(controller: &ReplicationController, old: &ReplicationController) -> ErrorList {
    let mut errors = meta::validate_object_meta_update(&controller.metadata, &old.metadata, &METADATA);
    let status = &controller.status;
    let path = Path::new("status");
    for (value, field) in [
        (i64::from(status.replicas), "replicas"),
        (i64::from(status.fully_labeled_replicas), "fullyLabeledReplicas"),
        (i64::from(status.ready_replicas), "readyReplicas"),
        (i64::from(status.available_replicas), "availableReplicas"),
        (status.observed_generation, "observedGeneration"),
    ] {
        errors.append(validate_nonnegative(value, &path.child(field)));
    }
    for (value, most, field, whole) in [
        (
            status.fully_labeled_replicas,
            status.replicas,
            "fullyLabeledReplicas",
            "status.replicas",
        ),
        (
            status.ready_replicas,
            status.replicas,
            "readyReplicas",
            "status.replicas",
        ),
        (
            status.available_replicas,
            status.replicas,
            "availableReplicas",
            "status.replicas",
        ),
        (
            status.available_replicas,
            status.ready_replicas,
            "availableReplicas",
            "readyReplicas",
        ),
    ] {
        if value > most {
            errors.push(Error::invalid(
                &path.child(field),
                value,
                format!("cannot be greater than {whole}"),
            ));
        }
    }
    errors
}

/// Warnings about a new replication controller.
#[must_use]
pub fn warnings(controller: &ReplicationController) -> Vec<String> {
    let mut warnings = Vec::new();
    let faults = names::dns1123_label(&controller.metadata.name);
    if !faults.is_empty() {
        warnings.push(format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [{}]",
            faults.join(" ")
        ));
    }
    warnings.extend(template_warnings(controller.spec.template.as_deref()));
    warnings
}

/// Warnings about an update of a replication controller's spec.
#[must_use]
pub fn update_warnings(controller: &ReplicationController, old: &ReplicationController) -> Vec<String> {
    if controller.metadata.generation == old.metadata.generation {
        return Vec::new();
    }
    // They are about the old template, upstream too.
    template_warnings(old.spec.template.as_deref())
}

fn template_warnings(template: Option<&PodTemplateSpec>) -> Vec<String> {
    let path = SPEC.child("template");
    template.map_or_else(Vec::new, |template| pod::warnings_for_template(template, &path))
}
