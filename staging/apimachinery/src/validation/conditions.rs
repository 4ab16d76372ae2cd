//! Conditions of the form that all newer kinds share.

use std::collections::HashSet;

use crate::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{meta::v1::Condition, primitives::Time};

use super::{labels::validate_label_name, object::MUST_NOT_BE_NEGATIVE_NUMBER};

const MAX_REASON_LENGTH: usize = 1024;
const MAX_MESSAGE_LENGTH: usize = 32 * 1024;
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];

/// Checks conditions, of which there may be one of each type.
#[must_use]
pub fn validate_conditions(conditions: &[Condition], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (index, condition) in conditions.iter().enumerate() {
        let path = path.index(index);
        if !seen.insert(condition.type_.as_str()) {
            errors.push(Error::duplicate(&path.child("type"), &condition.type_));
        }
        errors.append(validate_condition(condition, &path));
    }
    errors
}

/// Checks one condition.
#[must_use]
pub fn validate_condition(condition: &Condition, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_label_name(&condition.type_, &path.child("type"));
    if !STATUSES.contains(&condition.status.as_str()) {
        let value = BadValue::json(&condition.status);
        errors.push(Error::not_supported(&path.child("status"), value, &STATUSES));
    }
    if condition.observed_generation < 0 {
        let value = condition.observed_generation;
        errors.push(Error::invalid(
            &path.child("observedGeneration"),
            value,
            MUST_NOT_BE_NEGATIVE_NUMBER,
        ));
    }
    if condition.last_transition_time.is_none_or(Time::is_zero) {
        errors.push(Error::required(&path.child("lastTransitionTime"), ""));
    }
    let reason = path.child("reason");
    if condition.reason.is_empty() {
        errors.push(Error::required(&reason, ""));
    } else {
        errors.invalid_each(&reason, &condition.reason, reason_messages(&condition.reason));
        if condition.reason.len() > MAX_REASON_LENGTH {
            errors.push(Error::too_long(&reason, MAX_REASON_LENGTH));
        }
    }
    if condition.message.len() > MAX_MESSAGE_LENGTH {
        errors.push(Error::too_long(&path.child("message"), MAX_MESSAGE_LENGTH));
    }
    errors
}

fn reason_messages(reason: &str) -> Option<String> {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = reason.as_bytes();
    let valid = bytes.first().is_some_and(u8::is_ascii_alphabetic)
        && bytes.last().is_some_and(|b| word(*b))
        && bytes.iter().all(|b| word(*b) || b",:".contains(b));
    (!valid).then(|| {
        names::regex_error(
            "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric \
             characters or '_,:', and must end with an alphanumeric character or '_'",
            "[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?",
            &["my_name", "MY_NAME", "MyName", "ReasonA,ReasonB", "ReasonA:ReasonB"],
        )
    })
}
