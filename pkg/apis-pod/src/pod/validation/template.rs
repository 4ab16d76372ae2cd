//! Templates of pods: stored ones, and those within workloads.

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::core::v1::{PodTemplate, PodTemplateSpec};

use super::{super::PodValidationOptions, annotations, spec::validate_pod_spec};
use crate::meta::{
    NameRule, validate_annotations, validate_core_object_meta, validate_core_object_meta_update, validate_labels,
};

/// Checks the template within a workload.
#[must_use]
pub fn validate_template_spec(
    template: &PodTemplateSpec,
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let metadata = &template.metadata;
    let annotations_path = path.child("annotations");
    let mut errors = validate_labels(&metadata.labels, &path.child("labels"));
    errors.append(validate_annotations(&metadata.annotations, &annotations_path));
    errors.append(annotations::validate_annotations(
        &metadata.annotations,
        &template.spec,
        options,
        &annotations_path,
    ));
    let spec = path.child("spec");
    errors.append(validate_pod_spec(&template.spec, None, options, &spec));
    errors.append(annotations::validate_profiles_match(metadata, &template.spec, &spec));
    if !template.spec.ephemeral_containers.is_empty() {
        let detail = "ephemeral containers not allowed in pod template";
        errors.push(Error::forbidden(&spec.child("ephemeralContainers"), detail));
    }
    errors
}

/// Checks a stored template.
#[must_use]
pub fn validate_pod_template(template: &PodTemplate, options: &PodValidationOptions) -> ErrorList {
    let rule = NameRule::Dns1123Subdomain;
    let mut errors = validate_core_object_meta(&template.metadata, true, rule, &Path::new("metadata"));
    errors.append(validate_template_spec(
        &template.template,
        options,
        &Path::new("template"),
    ));
    errors
}

/// Checks a stored template that replaces another.
#[must_use]
pub fn validate_pod_template_update(new: &PodTemplate, old: &PodTemplate, options: &PodValidationOptions) -> ErrorList {
    let mut errors = validate_core_object_meta_update(&new.metadata, &old.metadata, &Path::new("metadata"));
    errors.append(validate_template_spec(&new.template, options, &Path::new("template")));
    errors
}
