//! The pods of controllers that keep them running.

use apimachinery::{
    field::{Error, ErrorList, Path},
    selectors::Selector,
};
use k8s_api::{core::v1::PodTemplateSpec, meta::v1::LabelSelector};

use crate::common::{
    label_selector,
    template::{PodValidationOptions, validate_template},
    validate_template_labels,
};

/// Pods of these controllers are started again whatever becomes of them, and run for ever.
pub(super) fn validate_runs_for_ever(
    template: &PodTemplateSpec,
    path: &Path<'_>,
    controller: &str,
    errors: &mut ErrorList,
) {
    let spec = path.child("spec");
    let policy = template.spec.restart_policy.as_str();
    if policy != "Always" {
        let path = spec.child("restartPolicy");
        errors.push(Error::not_supported(&path, crate::common::named(policy), &["Always"]));
    }
    if template.spec.active_deadline_seconds.is_some() {
        let detail = format!("activeDeadlineSeconds in {controller} is not Supported");
        errors.push(Error::forbidden(&spec.child("activeDeadlineSeconds"), detail));
    }
}

/// Checks the template of a replica set, or of a deployment that makes replica sets of it.
pub(super) fn validate_replica_template(
    template: &PodTemplateSpec,
    selector: Option<&LabelSelector>,
    path: &Path<'_>,
    options: &PodValidationOptions,
    errors: &mut ErrorList,
) {
    let template_path = path.child("template");
    let Some(parsed) = parse_selector(selector, path, "invalid label selector", errors) else {
        return;
    };
    errors.extend(validate_template_labels(
        &parsed,
        &template.metadata.labels,
        &template_path,
    ));
    errors.append(validate_template(template, &template_path, options));
    validate_runs_for_ever(template, &template_path, "ReplicaSet", errors);
}

/// The selector of the spec at `path`, or an error that it is none.
pub(super) fn parse_selector(
    selector: Option<&LabelSelector>,
    path: &Path<'_>,
    detail: &str,
    errors: &mut ErrorList,
) -> Option<Selector> {
    let parsed = Selector::from_api(selector).ok();
    if parsed.is_none()
        && let Some(selector) = selector
    {
        errors.push(Error::invalid(
            &path.child("selector"),
            label_selector(selector),
            detail,
        ));
    }
    parsed
}
