//! The labels by which a job knows its pods, and the selector made of them.

use apimachinery::{
    field::{Error, ErrorList},
    selectors::Selector,
};
use k8s_api::{Map, batch::v1::Job};

use crate::common::{METADATA, SPEC, label_map, label_selector};

/// The uid of the job.
pub const CONTROLLER_UID_LABEL: &str = "batch.kubernetes.io/controller-uid";
/// The name of the job.
pub const JOB_NAME_LABEL: &str = "batch.kubernetes.io/job-name";
/// [`CONTROLLER_UID_LABEL`] as it was.
pub const LEGACY_CONTROLLER_UID_LABEL: &str = "controller-uid";
/// [`JOB_NAME_LABEL`] as it was.
pub const LEGACY_JOB_NAME_LABEL: &str = "job-name";

/// Gives the pods labels that no other job's pods have, and the job a selector for them; unless its
/// author takes care of it. Labels that are there already stay, and may fail validation.
///
/// A job without labels has those of its pods: it got them as a default, and what is added to the
/// pods here is added to the job too.
pub fn generate_selector(job: &mut Job) {
    let (name, uid) = (&job.metadata.name, &job.metadata.uid);
    if job.spec.manual_selector == Some(true) {
        return;
    }
    let labels = &mut job.spec.template.metadata.labels;
    let shared = job.metadata.labels == *labels;
    for (key, value) in [
        (LEGACY_JOB_NAME_LABEL, name),
        (JOB_NAME_LABEL, name),
        (LEGACY_CONTROLLER_UID_LABEL, uid),
        (CONTROLLER_UID_LABEL, uid),
    ] {
        labels.get_or_insert_with(key, || value.clone());
    }
    let selector = job.spec.selector.get_or_insert_default();
    selector
        .match_labels
        .get_or_insert_with(CONTROLLER_UID_LABEL, || uid.clone());
    if shared {
        job.metadata.labels = labels.clone();
    }
}

/// Checks that a selector that was to be generated is what it would be, and the pods' labels with it.
pub(super) fn validate_generated_selector(job: &Job, prefixed_labels: bool, errors: &mut ErrorList) {
    if job.spec.manual_selector == Some(true) {
        return;
    }
    let Some(selector) = &job.spec.selector else {
        return;
    };
    let (name, uid) = (&job.metadata.name, &job.metadata.uid);
    if uid.is_empty() {
        errors.push(Error::required(&METADATA.child("uid"), ""));
    }
    let mut expected = vec![(LEGACY_CONTROLLER_UID_LABEL, uid), (LEGACY_JOB_NAME_LABEL, name)];
    if prefixed_labels {
        expected.extend([(CONTROLLER_UID_LABEL, uid), (JOB_NAME_LABEL, name)]);
    }
    for (key, value) in &expected {
        errors.extend(validate_has_label(&job.spec.template.metadata.labels, key, value));
    }
    let expected: Map<String> = expected.into_iter().map(|(key, value)| (key, value.clone())).collect();
    if Selector::from_api(Some(selector)).is_ok_and(|parsed| !parsed.matches(&expected)) {
        let detail = "`selector` not auto-generated";
        errors.push(Error::invalid(
            &SPEC.child("selector"),
            label_selector(selector),
            detail,
        ));
    }
}

fn validate_has_label(labels: &Map<String>, key: &str, expected: &str) -> Option<Error> {
    let path = SPEC.child("template.metadata.labels");
    let path = path.key(key);
    match labels.get(key) {
        None => Some(Error::required(&path, format!("must be '{expected}'"))),
        Some(value) if value != expected => {
            let detail = format!("must be '{expected}'");
            Some(Error::invalid(&path, label_map(labels), detail))
        }
        Some(_) => None,
    }
}
