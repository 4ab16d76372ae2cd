//! Selectors: of labels (the rules are those of all kinds) and of nodes.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_pod::meta::{self, LabelSelectorOptions};
use k8s_api::{
    core::v1::{NodeSelector, NodeSelectorRequirement},
    meta::v1::LabelSelector,
};

use crate::go;

/// Every fault of a selector.
pub(crate) fn label_selector(selector: &LabelSelector, allow_invalid_label_values: bool, path: &Path<'_>) -> ErrorList {
    let options = LabelSelectorOptions {
        allow_invalid_label_values,
        ..LabelSelectorOptions::default()
    };
    meta::validate_label_selector(Some(selector), options, path)
}

/// A selector as an error shows it.
pub(crate) fn selector_value(selector: &LabelSelector) -> BadValue {
    let mut shown = go::Struct::new();
    if !selector.match_labels.is_empty() {
        shown = shown.field("matchLabels", &selector.match_labels);
    }
    if !selector.match_expressions.is_empty() {
        let list = go::structs(&selector.match_expressions, |requirement| {
            let mut shown = go::Struct::new()
                .field("key", &requirement.key)
                .field("operator", &requirement.operator);
            if !requirement.values.is_empty() {
                shown = shown.field("values", &requirement.values);
            }
            shown.end()
        });
        shown = shown.raw("matchExpressions", &list);
    }
    shown.bad_value()
}

/// Every fault of a node selector.
pub(crate) fn node_selector(selector: &NodeSelector, path: &Path<'_>) -> ErrorList {
    let terms = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        return Error::required(&terms, "must have at least one node selector term").into();
    }
    let mut errors = ErrorList::new();
    for (at, term) in selector.node_selector_terms.iter().enumerate() {
        let path = terms.index(at);
        let list = path.child("matchExpressions");
        for (at, requirement) in term.match_expressions.iter().enumerate() {
            errors.append(validate_expression(requirement, &list.index(at)));
        }
        let list = path.child("matchFields");
        for (at, requirement) in term.match_fields.iter().enumerate() {
            errors.append(validate_field(requirement, &list.index(at)));
        }
    }
    errors
}

fn validate_expression(requirement: &NodeSelectorRequirement, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let values = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if requirement.values.is_empty() => {
            errors.push(Error::required(
                &values,
                "must be specified when `operator` is 'In' or 'NotIn'",
            ));
        }
        "Exists" | "DoesNotExist" if !requirement.values.is_empty() => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&values, detail));
        }
        "Gt" | "Lt" if requirement.values.len() != 1 => {
            errors.push(Error::required(
                &values,
                "must be specified single value when `operator` is 'Lt' or 'Gt'",
            ));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    errors.append(meta::validate_label_name(&requirement.key, &path.child("key")));
    for (at, value) in requirement.values.iter().enumerate() {
        errors.invalid_each(&values.index(at), value, names::label_value(value));
    }
    errors
}

fn validate_field(requirement: &NodeSelectorRequirement, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let values = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" => {
            if requirement.values.len() != 1 {
                let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
                errors.push(Error::required(&values, detail));
            }
        }
        other => errors.push(Error::invalid(
            &path.child("operator"),
            other,
            "not a valid selector operator",
        )),
    }
    if requirement.key == "metadata.name" {
        for (at, value) in requirement.values.iter().enumerate() {
            errors.invalid_each(&values.index(at), value, names::dns1123_subdomain(value));
        }
    } else {
        let detail = "not a valid field selector key";
        errors.push(Error::invalid(&path.child("key"), &requirement.key, detail));
    }
    errors
}

/// A node selector as an error shows it.
pub(crate) fn node_selector_json(selector: &NodeSelector) -> String {
    let terms = node_selector_terms_json(selector);
    go::Struct::new().raw("NodeSelectorTerms", &terms).end()
}

/// The terms of a node selector as an error shows them.
pub(crate) fn node_selector_terms_json(selector: &NodeSelector) -> String {
    let requirements = |list: &[NodeSelectorRequirement]| {
        go::structs(list, |requirement| {
            go::Struct::new()
                .field("Key", &requirement.key)
                .field("Operator", &requirement.operator)
                .raw("Values", &go::list(&requirement.values))
                .end()
        })
    };
    let terms = &selector.node_selector_terms;
    if terms.is_empty() {
        return "[]".into();
    }
    go::structs(terms, |term| {
        go::Struct::new()
            .raw("MatchExpressions", &requirements(&term.match_expressions))
            .raw("MatchFields", &requirements(&term.match_fields))
            .end()
    })
}
