//! How much of a device there is, and in which portions it is given out.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use k8s_api::{
    primitives::Quantity,
    resource::v1::{CapacityRequestPolicy, CapacityRequestPolicyRange, DeviceCapacity},
};

use super::super::set;

const MAX_VALID_VALUES: usize = 10;

/// Only a device that several claims may `share` has a policy.
pub(super) fn validate(capacity: &DeviceCapacity, share: bool, path: &Path<'_>) -> ErrorList {
    let path = path.child("requestPolicy");
    match &capacity.request_policy {
        None => ErrorList::new(),
        Some(_) if !share => Error::forbidden(&path, "allowMultipleAllocations must be true").into(),
        Some(policy) => validate_policy(&capacity.value, policy, &path),
    }
}

fn validate_policy(most: &Quantity, policy: &CapacityRequestPolicy, path: &Path<'_>) -> ErrorList {
    let missing = |what: &str| -> ErrorList {
        Error::required(&path.child("default"), format!("required when {what} is defined")).into()
    };
    match (
        policy.valid_values.as_slice(),
        policy.valid_range.as_deref(),
        &policy.default,
    ) {
        ([_, ..], Some(_), _) => {
            let detail = "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time";
            Error::forbidden(path, detail).into()
        }
        ([_, ..], None, None) => missing("validValues"),
        ([_, ..], None, Some(default)) => {
            validate_values(default, most, &policy.valid_values, &path.child("validValues"))
        }
        ([], Some(_), None) => missing("validRange"),
        ([], Some(range), Some(default)) => validate_range(default, most, range, &path.child("validRange")),
        ([], None, _) => ErrorList::new(),
    }
}

fn validate_values(default: &Quantity, most: &Quantity, values: &[Quantity], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (at, pair) in values.windows(2).enumerate() {
        if pair[0] > pair[1] {
            let detail = "values must be sorted in ascending order";
            errors.push(Error::invalid(&path.index(at + 1), pair[1].to_string(), detail));
        }
    }
    errors.append(set::validate_set(
        values,
        MAX_VALID_VALUES,
        path,
        |value, path| {
            if value <= most {
                return ErrorList::new();
            }
            let detail = format!("option is larger than capacity value: {most}");
            Error::invalid(path, value.to_string(), detail).into()
        },
        Quantity::value,
        |value| BadValue::from(value.to_string()),
    ));
    // Too long a list is not searched.
    if values.len() > MAX_VALID_VALUES || !values.contains(default) {
        let detail = "default value is not valid according to the requestPolicy";
        errors.push(Error::invalid(path, default.to_string(), detail));
    }
    errors
}

fn validate_range(
    default: &Quantity,
    most: &Quantity,
    range: &CapacityRequestPolicyRange,
    path: &Path<'_>,
) -> ErrorList {
    let Some(min) = &range.min else {
        return Error::required(&path.child("min"), "required when validRange is defined").into();
    };
    let mut errors = ErrorList::new();
    let mut refuse = |wrong: bool, name: &str, value: &Quantity, detail: String| {
        if wrong {
            errors.push(Error::invalid(&path.child(name), value.to_string(), detail));
        }
    };
    refuse(
        min > most,
        "min",
        min,
        format!("min is larger than capacity value: {most}"),
    );
    refuse(
        default < min,
        "min",
        default,
        format!("default is less than min: {min}"),
    );
    if let Some(max) = &range.max {
        refuse(min > max, "max", min, format!("min is larger than max: {max}"));
        refuse(
            max > most,
            "max",
            max,
            format!("max is larger than capacity value: {most}"),
        );
        refuse(
            default > max,
            "max",
            default,
            format!("default is more than max: {max}"),
        );
    }
    let Some(step) = &range.step else {
        return errors;
    };
    let mut added = min.clone();
    added.add(step);
    let detail = format!("one step {added} is larger than capacity value: {most}");
    refuse(&added > most, "step", step, detail);
    for value in std::iter::once(default).chain(&range.max) {
        // Upstream divides by zero here; a step of nothing is one that nothing is a multiple of.
        let off = value.value().wrapping_sub(min.value()).checked_rem(step.value()) != Some(0);
        let detail = format!("value is not a multiple of a given step ({step}) from ({min})");
        refuse(off, "step", value, detail);
    }
    errors
}
