//! Composite values as errors show them.

use std::borrow::Cow;

use apimachinery::field::BadValue;
use apis_core::GoValue;
use k8s_api::{
    Map,
    meta::v1::{LabelSelector, LabelSelectorRequirement},
    primitives::IntOrString,
};

fn requirement(requirement: &LabelSelectorRequirement) -> GoValue {
    let mut members: Vec<(Cow<'static, str>, GoValue)> = vec![
        ("key".into(), (&requirement.key).into()),
        ("operator".into(), (&requirement.operator).into()),
    ];
    if !requirement.values.is_empty() {
        members.push(("values".into(), (&requirement.values).into()));
    }
    GoValue::Object(members)
}

/// A selector with the members it has, as in JSON but in the order of declaration.
pub(crate) fn label_selector_value(selector: &LabelSelector) -> GoValue {
    let mut members: Vec<(Cow<'static, str>, GoValue)> = Vec::new();
    if !selector.match_labels.is_empty() {
        members.push(("matchLabels".into(), (&selector.match_labels).into()));
    }
    if !selector.match_expressions.is_empty() {
        let list = GoValue::list(&selector.match_expressions, requirement);
        members.push(("matchExpressions".into(), list));
    }
    GoValue::Object(members)
}

/// A selector as an error shows it.
pub(crate) fn label_selector(selector: &LabelSelector) -> BadValue {
    label_selector_value(selector).bad_value()
}

/// Labels as an error shows them.
pub(crate) fn label_map(labels: &Map<String>) -> BadValue {
    let labels: GoValue = labels.into();
    labels.bad_value()
}

/// A number or text behind a pointer.
pub(crate) fn int_or_string(value: Option<&IntOrString>) -> GoValue {
    match value {
        None => GoValue::Null,
        Some(IntOrString::Int(number)) => (*number).into(),
        Some(IntOrString::String(text)) => (&**text).into(),
    }
}
