//! What a deployment must be.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_core::GoValue;
use apis_pod::meta::{NameRule, validate_object_meta, validate_object_meta_update};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    apps::v1::{Deployment, DeploymentSpec, DeploymentStatus, DeploymentStrategy, RollingUpdateDeployment},
    primitives::IntOrString,
};

use super::ROLLBACK_ANNOTATION;
use crate::{
    apps::template::validate_replica_template,
    common::{
        METADATA, SPEC, STATUS, at_most, immutable, int_or_percent_value, int_or_string, label_selector, nonnegative,
        not_decremented, or_null, require_selector,
        template::{PodValidationOptions, options_from_template},
        validate_at_most_100_percent, validate_int_or_percent,
    },
};

/// Every fault of a new deployment.
#[must_use]
pub fn validate(deployment: &Deployment, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(None, gates);
    let mut errors = validate_object_meta(&deployment.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    errors.append(validate_spec(deployment, &options));
    errors
}

/// Every fault of a changed deployment.
#[must_use]
pub fn validate_update(new: &Deployment, old: &Deployment, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(Some(&old.spec.template), gates);
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    errors.append(validate_spec(new, &options));
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
pub fn validate_status_update(new: &Deployment, old: &Deployment) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_status(&new.status, &mut errors);
    not_decremented(
        &STATUS,
        new.status.collision_count,
        old.status.collision_count,
        &mut errors,
    );
    errors
}

fn validate_spec(deployment: &Deployment, options: &PodValidationOptions) -> ErrorList {
    let DeploymentSpec {
        min_ready_seconds,
        progress_deadline_seconds,
        replicas,
        revision_history_limit,
        selector,
        strategy,
        template,
        paused: _,
    } = &deployment.spec;
    let mut errors = ErrorList::new();
    nonnegative(&SPEC, [("replicas", replicas.map(i64::from))], &mut errors);
    let empty = "empty selector is invalid for deployment";
    require_selector(selector.as_deref(), &SPEC.child("selector"), empty, &mut errors);
    validate_replica_template(template, selector.as_deref(), &SPEC, options, &mut errors);
    validate_strategy(strategy, &SPEC.child("strategy"), &mut errors);
    let numbers = [
        ("minReadySeconds", Some(i64::from(*min_ready_seconds))),
        ("revisionHistoryLimit", revision_history_limit.map(i64::from)),
        ("rollback.version", rollback_revision(deployment)),
        ("progressDeadlineSeconds", progress_deadline_seconds.map(i64::from)),
    ];
    nonnegative(&SPEC, numbers, &mut errors);
    if let Some(deadline) = progress_deadline_seconds
        && deadline <= min_ready_seconds
    {
        let path = SPEC.child("progressDeadlineSeconds");
        errors.push(Error::invalid(&path, *deadline, "must be greater than minReadySeconds"));
    }
    errors
}

/// The revision that the annotation asks to go back to.
fn rollback_revision(deployment: &Deployment) -> Option<i64> {
    deployment.metadata.annotations.get(ROLLBACK_ANNOTATION)?.parse().ok()
}

fn validate_strategy(strategy: &DeploymentStrategy, path: &Path<'_>, errors: &mut ErrorList) {
    let rolling_path = path.child("rollingUpdate");
    match (strategy.type_.as_str(), strategy.rolling_update.as_deref()) {
        ("Recreate", None) => {}
        ("Recreate", Some(_)) => {
            let detail = "may not be specified when strategy `type` is 'Recreate'";
            errors.push(Error::forbidden(&rolling_path, detail));
        }
        ("RollingUpdate", None) => {
            let detail = "this should be defaulted and never be nil";
            errors.push(Error::required(&rolling_path, detail));
        }
        ("RollingUpdate", Some(rolling)) => validate_rolling_update(rolling, &rolling_path, errors),
        _ => errors.push(Error::not_supported(
            path,
            show_strategy(strategy),
            &["Recreate", "RollingUpdate"],
        )),
    }
}

fn show_strategy(strategy: &DeploymentStrategy) -> BadValue {
    let zero = IntOrString::Int(0);
    let number = |value: &Option<IntOrString>| int_or_string(value.as_ref().or(Some(&zero)));
    let rolling = GoValue::pointer(strategy.rolling_update.as_deref(), |rolling| {
        GoValue::object([
            ("MaxUnavailable", number(&rolling.max_unavailable)),
            ("MaxSurge", number(&rolling.max_surge)),
        ])
    });
    GoValue::object([("Type", (&strategy.type_).into()), ("RollingUpdate", rolling)]).bad_value()
}

fn validate_rolling_update(rolling: &RollingUpdateDeployment, path: &Path<'_>, errors: &mut ErrorList) {
    let zero = IntOrString::Int(0);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&zero);
    let surge = rolling.max_surge.as_ref().unwrap_or(&zero);
    let unavailable_path = path.child("maxUnavailable");
    errors.append(validate_int_or_percent(unavailable, &unavailable_path));
    errors.append(validate_int_or_percent(surge, &path.child("maxSurge")));
    if int_or_percent_value(unavailable) == 0 && int_or_percent_value(surge) == 0 {
        let detail = "may not be 0 when `maxSurge` is 0";
        errors.push(Error::invalid(&unavailable_path, BadValue::json(unavailable), detail));
    }
    errors.extend(validate_at_most_100_percent(unavailable, &unavailable_path));
}

fn validate_status(status: &DeploymentStatus, errors: &mut ErrorList) {
    let numbers = [
        ("observedGeneration", Some(status.observed_generation)),
        ("replicas", Some(status.replicas.into())),
        ("updatedReplicas", Some(status.updated_replicas.into())),
        ("readyReplicas", Some(status.ready_replicas.into())),
        ("availableReplicas", Some(status.available_replicas.into())),
        ("unavailableReplicas", Some(status.unavailable_replicas.into())),
        ("terminatingReplicas", status.terminating_replicas.map(i64::from)),
        ("collisionCount", status.collision_count.map(i64::from)),
    ];
    nonnegative(&STATUS, numbers, errors);
    let parts = [
        ("updatedReplicas", status.updated_replicas),
        ("readyReplicas", status.ready_replicas),
        ("availableReplicas", status.available_replicas),
    ];
    let detail = "cannot be greater than status.replicas";
    at_most(&STATUS, parts, status.replicas, detail, errors);
    let available = [("availableReplicas", status.available_replicas)];
    let detail = "cannot be greater than readyReplicas";
    at_most(&STATUS, available, status.ready_replicas, detail, errors);
}
