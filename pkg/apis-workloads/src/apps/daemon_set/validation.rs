//! What a daemon set must be.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    selectors::Selector,
};
use apis_core::GoValue;
use apis_pod::meta::{
    NameRule, label_selector_has_invalid_value, validate_label_selector, validate_object_meta,
    validate_object_meta_update,
};
use component_base::feature_gates::FeatureGates;
use k8s_api::{
    apps::v1::{DaemonSet, DaemonSetStatus, DaemonSetUpdateStrategy, RollingUpdateDaemonSet},
    primitives::IntOrString,
};

use super::template_generation;
use crate::{
    apps::template::validate_runs_for_ever,
    common::{
        METADATA, SPEC, STATUS, immutable, int_or_percent_value, int_or_string, is_empty_selector, label_selector,
        lenient, nonnegative, not_decremented, or_null,
        template::{
            PodValidationOptions, allow_invalid_label_values, allows_invalid_label_values, options_from_template,
            validate_template,
        },
        validate_at_most_100_percent, validate_int_or_percent, validate_template_labels,
    },
};

/// Every fault of a new daemon set.
#[must_use]
pub fn validate(daemon_set: &DaemonSet, gates: &FeatureGates) -> ErrorList {
    let options = options_from_template(None, gates);
    let mut errors = validate_object_meta(&daemon_set.metadata, true, NameRule::Dns1123Subdomain, &METADATA);
    validate_spec(daemon_set, &options, &mut errors);
    errors
}

/// Every fault of a changed daemon set.
#[must_use]
pub fn validate_update(new: &DaemonSet, old: &DaemonSet, gates: &FeatureGates) -> ErrorList {
    let mut options = options_from_template(Some(&old.spec.template), gates);
    if label_selector_has_invalid_value(old.spec.selector.as_deref()) {
        allow_invalid_label_values(&mut options);
    }
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    validate_template_generation(new, old, &mut errors);
    errors.extend(immutable(
        &SPEC.child("selector"),
        &new.spec.selector,
        &old.spec.selector,
        |selector| or_null(selector, |selector| label_selector(selector)),
    ));
    validate_spec(new, &options, &mut errors);
    errors
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &DaemonSet, old: &DaemonSet) -> ErrorList {
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

/// The generation goes up when and only when the template changes.
fn validate_template_generation(new: &DaemonSet, old: &DaemonSet, errors: &mut ErrorList) {
    let (generation, before) = (template_generation(new), template_generation(old));
    let changed = new.spec.template != old.spec.template;
    let mut refuse = |detail| {
        let path = SPEC.child("templateGeneration");
        errors.push(Error::invalid(&path, generation, detail));
    };
    if generation < before {
        refuse("must not be decremented");
    }
    if generation == before && changed {
        refuse("must be incremented upon template update");
    } else if generation > before && !changed {
        refuse("must not be incremented without template update");
    }
}

fn validate_spec(daemon_set: &DaemonSet, options: &PodValidationOptions, errors: &mut ErrorList) {
    let spec = &daemon_set.spec;
    let selector = spec.selector.as_deref();
    let selector_path = SPEC.child("selector");
    let lenient = lenient(allows_invalid_label_values(options));
    errors.append(validate_label_selector(selector, lenient, &selector_path));
    let template_path = SPEC.child("template");
    if let Ok(parsed) = Selector::from_api(selector) {
        let labels = &spec.template.metadata.labels;
        errors.extend(validate_template_labels(&parsed, labels, &template_path));
    }
    if let Some(selector) = selector.filter(|selector| is_empty_selector(selector)) {
        let detail = "empty selector is invalid for daemonset";
        errors.push(Error::invalid(&selector_path, label_selector(selector), detail));
    }
    errors.append(validate_template(&spec.template, &template_path, options));
    validate_runs_for_ever(&spec.template, &template_path, "DaemonSet", errors);
    let numbers = [
        ("minReadySeconds", Some(i64::from(spec.min_ready_seconds))),
        ("templateGeneration", Some(template_generation(daemon_set))),
    ];
    nonnegative(&SPEC, numbers, errors);
    validate_update_strategy(&spec.update_strategy, &SPEC.child("updateStrategy"), errors);
    let limit = spec.revision_history_limit.map(i64::from);
    nonnegative(&SPEC, [("revisionHistoryLimit", limit)], errors);
}

fn validate_update_strategy(strategy: &DaemonSetUpdateStrategy, path: &Path<'_>, errors: &mut ErrorList) {
    let rolling_path = path.child("rollingUpdate");
    match (strategy.type_.as_str(), strategy.rolling_update.as_deref()) {
        ("OnDelete", _) => {}
        ("RollingUpdate", None) => errors.push(Error::required(&rolling_path, "")),
        ("RollingUpdate", Some(rolling)) => validate_rolling_update(rolling, &rolling_path, errors),
        _ => errors.push(Error::not_supported(
            path,
            show_strategy(strategy),
            &["RollingUpdate", "OnDelete"],
        )),
    }
}

fn show_strategy(strategy: &DaemonSetUpdateStrategy) -> BadValue {
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

fn validate_rolling_update(rolling: &RollingUpdateDaemonSet, path: &Path<'_>, errors: &mut ErrorList) {
    let zero = IntOrString::Int(0);
    let unavailable = rolling.max_unavailable.as_ref().unwrap_or(&zero);
    let surge = rolling.max_surge.as_ref().unwrap_or(&zero);
    let unavailable_path = path.child("maxUnavailable");
    let surge_path = path.child("maxSurge");
    errors.append(validate_int_or_percent(unavailable, &unavailable_path));
    errors.append(validate_int_or_percent(surge, &surge_path));
    errors.extend(validate_at_most_100_percent(unavailable, &unavailable_path));
    errors.extend(validate_at_most_100_percent(surge, &surge_path));
    match (int_or_percent_value(unavailable) != 0, int_or_percent_value(surge) != 0) {
        (true, true) => {
            let detail = "may not be set when maxUnavailable is non-zero";
            errors.push(Error::invalid(&surge_path, BadValue::json(surge), detail));
        }
        (false, false) => {
            let detail = "cannot be 0 when maxSurge is 0";
            errors.push(Error::required(&unavailable_path, detail));
        }
        _ => {}
    }
}

fn validate_status(status: &DaemonSetStatus, errors: &mut ErrorList) {
    let numbers = [
        ("currentNumberScheduled", Some(status.current_number_scheduled.into())),
        ("numberMisscheduled", Some(status.number_misscheduled.into())),
        ("desiredNumberScheduled", Some(status.desired_number_scheduled.into())),
        ("numberReady", Some(status.number_ready.into())),
        ("observedGeneration", Some(status.observed_generation)),
        ("updatedNumberScheduled", Some(status.updated_number_scheduled.into())),
        ("numberAvailable", Some(status.number_available.into())),
        ("numberUnavailable", Some(status.number_unavailable.into())),
        ("collisionCount", status.collision_count.map(i64::from)),
    ];
    nonnegative(&STATUS, numbers, errors);
}
