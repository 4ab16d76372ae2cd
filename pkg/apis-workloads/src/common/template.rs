//! Pod templates, as the workloads need them from the pods' rules.

use apimachinery::field::{ErrorList, Path};
use apis_pod::{
    meta::{validate_annotations, validate_labels},
    pod::{self, validation},
};
use component_base::feature_gates::FeatureGates;
use k8s_api::core::v1::PodTemplateSpec;

pub(crate) use apis_pod::pod::PodValidationOptions;

/// Sets the defaults of the pods.
pub(crate) fn set_template_defaults(template: &mut PodTemplateSpec) {
    pod::set_template_spec_defaults(template);
}

/// How strictly a new template is looked at, or one that replaces `old`.
pub(crate) fn options_from_template(old: Option<&PodTemplateSpec>, gates: &FeatureGates) -> PodValidationOptions {
    PodValidationOptions::for_template(old, gates)
}

/// Lets values in selectors through that no label can have.
pub(crate) fn allow_invalid_label_values(options: &mut PodValidationOptions) {
    options.allow_invalid_affinity_label_values = true;
}

/// Whether values in selectors are let through that no label can have.
pub(crate) fn allows_invalid_label_values(options: &PodValidationOptions) -> bool {
    options.allow_invalid_affinity_label_values
}

/// Every fault of a template.
pub(crate) fn validate_template(
    template: &PodTemplateSpec,
    path: &Path<'_>,
    options: &PodValidationOptions,
) -> ErrorList {
    validation::validate_template_spec(template, options, path)
}

/// Every fault of a template's labels and annotations alone.
pub(crate) fn validate_template_metadata(
    template: &PodTemplateSpec,
    path: &Path<'_>,
    options: &PodValidationOptions,
) -> ErrorList {
    let annotations = path.child("annotations");
    let mut errors = validate_labels(&template.metadata.labels, &path.child("labels"));
    errors.append(validate_annotations(&template.metadata.annotations, &annotations));
    errors.append(validation::validate_pod_annotations(
        &template.metadata.annotations,
        &template.spec,
        options,
        &annotations,
    ));
    errors
}

/// What the author of a template should know.
pub(crate) fn template_warnings(path: &Path<'_>, template: &PodTemplateSpec) -> Vec<String> {
    pod::warnings_for_template(template, path)
}
