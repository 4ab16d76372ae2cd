//! Pod disruption budgets.

#[cfg(test)]
mod tests;

use apimachinery::field::{BadValue, Error, ErrorList};
use apis_core::GoValue;
use apis_pod::{
    meta::{LabelSelectorOptions, validate_conditions, validate_label_selector},
    rules::one_of,
};
use k8s_api::policy::v1::{PodDisruptionBudget, PodDisruptionBudgetSpec};

use crate::common::{
    SPEC, STATUS, STRICT, int_or_string, label_selector_value, lenient, nonnegative, validate_at_most_100_percent,
    validate_int_or_percent,
};

/// Every fault of a new budget. Its metadata is checked as that of any object, not by a rule of its own.
#[must_use]
pub fn validate(budget: &PodDisruptionBudget) -> ErrorList {
    validate_spec(&budget.spec, STRICT)
}

/// Every fault of a changed budget.
#[must_use]
pub fn validate_update(new: &PodDisruptionBudget, old: &PodDisruptionBudget) -> ErrorList {
    let before = validate_label_selector(old.spec.selector.as_deref(), STRICT, &SPEC);
    validate_spec(&new.spec, lenient(!before.is_empty()))
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &PodDisruptionBudget) -> ErrorList {
    let status = &new.status;
    let mut errors = validate_conditions(&status.conditions, &STATUS.child("conditions"));
    let numbers = [
        ("disruptionsAllowed", Some(status.disruptions_allowed.into())),
        ("currentHealthy", Some(status.current_healthy.into())),
        ("desiredHealthy", Some(status.desired_healthy.into())),
        ("expectedPods", Some(status.expected_pods.into())),
    ];
    nonnegative(&STATUS, numbers, &mut errors);
    errors
}

fn validate_spec(spec: &PodDisruptionBudgetSpec, options: LabelSelectorOptions) -> ErrorList {
    let mut errors = ErrorList::new();
    if spec.min_available.is_some() && spec.max_unavailable.is_some() {
        let detail = "minAvailable and maxUnavailable cannot be both set";
        errors.push(Error::invalid(&SPEC, show_spec(spec), detail));
    }
    for (name, value) in [
        ("minAvailable", &spec.min_available),
        ("maxUnavailable", &spec.max_unavailable),
    ] {
        if let Some(value) = value {
            let path = SPEC.child(name);
            errors.append(validate_int_or_percent(value, &path));
            errors.extend(validate_at_most_100_percent(value, &path));
        }
    }
    let selector = spec.selector.as_deref();
    errors.append(validate_label_selector(selector, options, &SPEC.child("selector")));
    if let Some(policy) = &spec.unhealthy_pod_eviction_policy {
        let path = SPEC.child("unhealthyPodEvictionPolicy");
        errors.extend(one_of(&path, policy, &["AlwaysAllow", "IfHealthyBudget"]));
    }
    errors
}

fn show_spec(spec: &PodDisruptionBudgetSpec) -> BadValue {
    GoValue::object([
        ("MinAvailable", int_or_string(spec.min_available.as_ref())),
        (
            "Selector",
            GoValue::pointer(spec.selector.as_deref(), label_selector_value),
        ),
        ("MaxUnavailable", int_or_string(spec.max_unavailable.as_ref())),
        (
            "UnhealthyPodEvictionPolicy",
            (&spec.unhealthy_pod_eviction_policy).into(),
        ),
    ])
    .bad_value()
}
