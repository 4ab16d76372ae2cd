//! What a replica set must be.

use apimachinery::field::ErrorList;
use apis_pod::meta::{NameRule, validate_object_meta, validate_object_meta_update};
use component_base::feature_gates::FeatureGates;
use k8s_api::apps::v1::{ReplicaSet, ReplicaSetSpec, ReplicaSetStatus};

use crate::{
    apps::template::validate_replica_template,
    common::{
        METADATA, SPEC, STATUS, at_most, immutable, label_selector, nonnegative, or_null, require_selector,
        template::{PodValidationOptions, options_from_template},
    },
};

/// Every fault of a new replica set.
#[must_use]
pub fn validate(replica_set: &ReplicaSet, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(None, gates);
    let mut errors = validate_object_meta(&replica_set.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(&replica_set.spec, &options, &mut errors);
    errors
}

/// Every fault of a changed replica set.
#[must_use]
pub fn validate_update(new: &ReplicaSet, old: &ReplicaSet, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(Some(&old.spec.template), gates);
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_spec(&new.spec, &options, &mut errors);
    errors.extend(immutable(
        &SPEC.child("selector"),
        &new.spec.selector,
        &old.spec.selector,
        |selector| or_null(selector, |selector| label_selector(selector)),
    ));
    errors
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &ReplicaSet, old: &ReplicaSet) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_status(&new.status, &mut errors);
    errors
}

fn validate_spec(spec: &ReplicaSetSpec, options: &PodValidationOptions, errors: &mut ErrorList) {
    let numbers = [
        ("replicas", spec.replicas.map(i64::from)),
        ("minReadySeconds", Some(spec.min_ready_seconds.into())),
    ];
    nonnegative(&SPEC, numbers, errors);
    // Upstream's words are those of deployments here, too.
    let empty = "empty selector is invalid for deployment";
    let selector = spec.selector.as_deref();
    require_selector(selector, &SPEC.child("selector"), empty, errors);
    validate_replica_template(&spec.template, selector, &SPEC, options, errors);
}

fn validate_status(status: &ReplicaSetStatus, errors: &mut ErrorList) {
    let numbers = [
        ("replicas", Some(status.replicas.into())),
        ("fullyLabeledReplicas", Some(status.fully_labeled_replicas.into())),
        ("readyReplicas", Some(status.ready_replicas.into())),
        ("availableReplicas", Some(status.available_replicas.into())),
        ("observedGeneration", Some(status.observed_generation)),
        ("terminatingReplicas", status.terminating_replicas.map(i64::from)),
    ];
    nonnegative(&STATUS, numbers, errors);
    let parts = [
        ("fullyLabeledReplicas", status.fully_labeled_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    let detail = "cannot be greater than status.replicas";
    at_most(&STATUS, parts, status.replicas, detail, errors);
    let available = [("availableReplicas", status.available_replicas)];
    let detail = "cannot be greater than readyReplicas";
    at_most(&STATUS, available, status.ready_replicas, detail, errors);
}
