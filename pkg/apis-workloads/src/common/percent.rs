//! Numbers that may be percentages.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::primitives::IntOrString;

/// Checks that it is a number that is not negative, or digits and `%`.
pub(crate) fn validate_int_or_percent(value: &IntOrString, path: &Path<'_>) -> ErrorList {
    match value {
        IntOrString::Int(number) => apis_pod::meta::validate_nonnegative(i64::from(*number), path),
        IntOrString::String(text) => names::percent(text)
            .into_iter()
            .map(|message| Error::invalid(path, BadValue::json(value), message))
            .collect(),
    }
}

fn percentage(value: &IntOrString) -> Option<i64> {
    let text = value.as_str()?;
    // What overflows is the greatest number there is, as Go's parser leaves it.
    names::percent(text)
        .is_empty()
        .then(|| text[..text.len() - 1].parse().unwrap_or(i64::MAX))
}

/// The number, or that of the percentage.
pub(crate) fn int_or_percent_value(value: &IntOrString) -> i64 {
    percentage(value).unwrap_or_else(|| value.int_value())
}

/// Checks that a percentage is not above 100.
pub(crate) fn validate_at_most_100_percent(value: &IntOrString, path: &Path<'_>) -> Option<Error> {
    percentage(value)
        .is_some_and(|percentage| percentage > 100)
        .then(|| Error::invalid(path, BadValue::json(value), "must not be greater than 100%"))
}
