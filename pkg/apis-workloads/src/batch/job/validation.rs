//! What a job must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
    selectors::Selector,
};
use apis_pod::meta::{
    NameRule, label_selector_has_invalid_value, validate_label_selector, validate_object_meta,
    validate_object_meta_update,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::batch::v1::{Job, JobSpec, JobTemplateSpec};

use super::{
    CONTROLLER_UID_LABEL, JOB_NAME_LABEL, is_indexed, is_template_mutable, labels::validate_generated_selector, show,
    spec, template_update,
};
use crate::common::{
    METADATA, SPEC, immutable, label_selector, lenient, or_null,
    template::{PodValidationOptions, allow_invalid_label_values, allows_invalid_label_values, options_from_template},
    validate_template_labels,
};

/// Every fault of a new job, whose selector has been generated.
#[must_use]
pub fn validate(job: &Job, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(None, gates);
    validate_job(job, &options, true)
}

/// Every fault of a changed job.
#[must_use]
pub fn validate_update(new: &Job, old: &Job, gates: &FeatureGates) -> ErrorList {
    let mut options = options_from_template(Some(&old.spec.template), gates);
    if label_selector_has_invalid_value(old.spec.selector.as_deref()) {
        allow_invalid_label_values(&mut options);
    }
    let old_labels = &old.spec.template.metadata.labels;
    let prefixed_labels = old_labels.contains_key(JOB_NAME_LABEL) && old_labels.contains_key(CONTROLLER_UID_LABEL);
    let mutable = is_template_mutable(old, gates);

    let mut errors = validate_job(new, &options, prefixed_labels);
    errors.append(validate_object_meta_update(&new.metadata, &old.metadata, &METADATA));
    errors.append(validate_spec(&new.spec, &options));
    let (new, old) = (&new.spec, &old.spec);
    errors.extend(validate_completions(new, old));
    errors.extend(immutable(&SPEC.child("selector"), &new.selector, &old.selector, |v| {
        or_null(v, |selector| label_selector(selector))
    }));
    errors.extend(template_update::validate(new, old, mutable));
    let text = |text: &Option<String>| BadValue::json(text);
    errors.extend(immutable(
        &SPEC.child("completionMode"),
        &new.completion_mode,
        &old.completion_mode,
        text,
    ));
    errors.extend(immutable(
        &SPEC.child("podFailurePolicy"),
        &new.pod_failure_policy,
        &old.pod_failure_policy,
        show::pod_failure_policy,
    ));
    errors.extend(immutable(
        &SPEC.child("backoffLimitPerIndex"),
        &new.backoff_limit_per_index,
        &old.backoff_limit_per_index,
        BadValue::json,
    ));
    errors.extend(immutable(
        &SPEC.child("managedBy"),
        &new.managed_by,
        &old.managed_by,
        |v| or_null(v, |manager| manager.into()),
    ));
    errors.extend(immutable(
        &SPEC.child("successPolicy"),
        &new.success_policy,
        &old.success_policy,
        show::success_policy,
    ));
    errors
}

fn validate_job(job: &Job, options: &PodValidationOptions, prefixed_labels: bool) -> ErrorList {
    let mut errors = validate_object_meta(&job.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_generated_selector(job, prefixed_labels, &mut errors);
    errors.append(validate_spec(&job.spec, options));
    // The pods of indexed jobs have the index in their host names.
    if is_indexed(&job.spec)
        && let Some(completions) = job.spec.completions.filter(|completions| *completions > 0)
    {
        let name = &job.metadata.name;
        let host_name = format!("{name}-{}", completions - 1);
        if !names::dns1123_label(&host_name).is_empty() {
            let detail = format!("will not able to create pod with invalid DNS label: {host_name}");
            errors.push(Error::invalid(&METADATA.child("name"), name, detail));
        }
    }
    errors
}

fn validate_spec(spec: &JobSpec, options: &PodValidationOptions) -> ErrorList {
    let mut errors = spec::validate(spec, &SPEC, options);
    let selector = spec.selector.as_deref();
    let path = SPEC.child("selector");
    if selector.is_none() {
        errors.push(Error::required(&path, ""));
    }
    let lenient = lenient(allows_invalid_label_values(options));
    errors.append(validate_label_selector(selector, lenient, &path));
    if let Ok(parsed) = Selector::from_api(selector) {
        let labels = &spec.template.metadata.labels;
        errors.extend(validate_template_labels(&parsed, labels, &SPEC.child("template")));
    }
    errors
}

/// Only an indexed job may grow or shrink, together with the number of pods that run at a time.
fn validate_completions(new: &JobSpec, old: &JobSpec) -> Option<Error> {
    let path = SPEC.child("completions");
    if !is_indexed(new) {
        return immutable(&path, &new.completions, &old.completions, BadValue::json);
    }
    let completions = new.completions.filter(|_| new.completions != old.completions)?;
    (Some(completions) != new.parallelism).then(|| {
        let detail = "can only be modified in tandem with spec.parallelism";
        Error::invalid(&path, completions, detail)
    })
}

/// Every fault of the template of jobs.
#[must_use]
pub fn validate_template_spec(
    template: &JobTemplateSpec,
    path: &Path<'_>,
    options: &PodValidationOptions,
) -> ErrorList {
    let path = path.child("spec");
    let mut errors = spec::validate(&template.spec, &path, options);
    if let Some(selector) = &template.spec.selector {
        let detail = "`selector` will be auto-generated";
        errors.push(Error::invalid(
            &path.child("selector"),
            label_selector(selector),
            detail,
        ));
    }
    if template.spec.manual_selector == Some(true) {
        let path = path.child("manualSelector");
        errors.push(Error::not_supported(&path, true, &["nil", "false"]));
    }
    errors
}
