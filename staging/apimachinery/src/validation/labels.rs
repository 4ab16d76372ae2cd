//! Labels and label selectors.

use crate::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{
    Map,
    meta::v1::{LabelSelector, LabelSelectorRequirement},
};

/// What is let through in a selector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LabelSelectorOptions {
    /// Values that no label can have; for objects that have them already.
    pub allow_invalid_label_values: bool,
    /// Operators that nobody knows; for reviews, which take them for no restriction.
    pub allow_unknown_operators: bool,
}

/// Checks a label key.
#[must_use]
pub fn validate_label_name(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.invalid_each(path, name, names::qualified_name(name));
    errors
}

/// Checks the keys and values of labels.
#[must_use]
pub fn validate_labels(labels: &Map<String>, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (key, value) in labels {
        errors.append(validate_label_name(key, path));
        errors.invalid_each(path, value, names::label_value(value));
    }
    errors
}

/// Whether a requirement of the selector names a value that no label can have.
#[must_use]
pub fn label_selector_has_invalid_value(selector: Option<&LabelSelector>) -> bool {
    let requirements = selector.map_or(&[][..], |selector| &selector.match_expressions);
    let mut values = requirements.iter().flat_map(|requirement| &requirement.values);
    values.any(|value| !names::label_value(value).is_empty())
}

/// Checks a selector; an absent one is valid.
#[must_use]
pub fn validate_label_selector(
    selector: Option<&LabelSelector>,
    options: LabelSelectorOptions,
    path: &Path<'_>,
) -> ErrorList {
    let Some(selector) = selector else {
        return ErrorList::new();
    };
    let mut errors = validate_labels(&selector.match_labels, &path.child("matchLabels"));
    let expressions = path.child("matchExpressions");
    for (index, requirement) in selector.match_expressions.iter().enumerate() {
        let path = expressions.index(index);
        errors.append(validate_label_selector_requirement(requirement, options, &path));
    }
    errors
}

/// Checks one requirement of a selector.
#[must_use]
pub fn validate_label_selector_requirement(
    requirement: &LabelSelectorRequirement,
    options: LabelSelectorOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let values = path.child("values");
    let operator = requirement.operator.as_str();
    match operator {
        "In" | "NotIn" if requirement.values.is_empty() => errors.push(Error::required(
            &values,
            "must be specified when `operator` is 'In' or 'NotIn'",
        )),
        "Exists" | "DoesNotExist" if !requirement.values.is_empty() => errors.push(Error::forbidden(
            &values,
            "may not be specified when `operator` is 'Exists' or 'DoesNotExist'",
        )),
        "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
        _ if options.allow_unknown_operators => {}
        _ => errors.push(Error::invalid(
            &path.child("operator"),
            BadValue::json(&operator),
            "not a valid selector operator",
        )),
    }
    errors.append(validate_label_name(&requirement.key, &path.child("key")));
    if !options.allow_invalid_label_values {
        for (index, value) in requirement.values.iter().enumerate() {
            errors.invalid_each(&values.index(index), value, names::label_value(value));
        }
    }
    errors
}
