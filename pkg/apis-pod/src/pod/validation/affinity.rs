//! Affinity: which nodes a pod wants, and which pods beside it.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use k8s_api::core::v1::{
    Affinity, NodeSelector, NodeSelectorRequirement, NodeSelectorTerm, PodAffinityTerm, PreferredSchedulingTerm,
    WeightedPodAffinityTerm,
};

use super::{super::PodValidationOptions, spread::validate_match_label_keys};
use crate::{
    meta::{LabelSelectorOptions, NameRule, validate_label_name, validate_label_selector},
    rules::{invalid_each, named, object_name},
};

const REQUIRED: &str = "requiredDuringSchedulingIgnoredDuringExecution";
const PREFERRED: &str = "preferredDuringSchedulingIgnoredDuringExecution";
const UNKNOWN_OPERATOR: &str = "not a valid selector operator";

pub(super) fn validate_affinity(affinity: &Affinity, options: &PodValidationOptions, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(node) = &affinity.node_affinity {
        let path = path.child("nodeAffinity");
        if let Some(selector) = &node.required_during_scheduling_ignored_during_execution {
            let allow = options.allow_invalid_node_affinity_label_values;
            errors.append(validate_node_selector(selector, allow, &path.child(REQUIRED)));
        }
        let terms = &node.preferred_during_scheduling_ignored_during_execution;
        errors.append(validate_preferred_terms(terms, &path.child(PREFERRED)));
    }
    let allow = options.allow_invalid_affinity_label_values;
    if let Some(to) = &affinity.pod_affinity {
        errors.append(validate_pod_terms(
            &to.required_during_scheduling_ignored_during_execution,
            &to.preferred_during_scheduling_ignored_during_execution,
            allow,
            &path.child("podAffinity"),
        ));
    }
    if let Some(from) = &affinity.pod_anti_affinity {
        errors.append(validate_pod_terms(
            &from.required_during_scheduling_ignored_during_execution,
            &from.preferred_during_scheduling_ignored_during_execution,
            allow,
            &path.child("podAntiAffinity"),
        ));
    }
    errors
}

/// Checks a selector of nodes, which needs at least one term.
#[must_use]
pub fn validate_node_selector(selector: &NodeSelector, allow_invalid_values: bool, path: &Path<'_>) -> ErrorList {
    let path = path.child("nodeSelectorTerms");
    if selector.node_selector_terms.is_empty() {
        return Error::required(&path, "must have at least one node selector term").into();
    }
    let terms = selector.node_selector_terms.iter().enumerate();
    terms
        .flat_map(|(index, term)| validate_node_selector_term(term, allow_invalid_values, &path.index(index)))
        .collect()
}

/// Checks one term of a selector of nodes.
#[must_use]
pub fn validate_node_selector_term(term: &NodeSelectorTerm, allow_invalid_values: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let expressions = path.child("matchExpressions");
    for (index, requirement) in term.match_expressions.iter().enumerate() {
        let path = expressions.index(index);
        errors.append(validate_label_requirement(requirement, allow_invalid_values, &path));
    }
    let fields = path.child("matchFields");
    for (index, requirement) in term.match_fields.iter().enumerate() {
        errors.append(validate_field_requirement(requirement, &fields.index(index)));
    }
    errors
}

fn validate_label_requirement(
    requirement: &NodeSelectorRequirement,
    allow_invalid_values: bool,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let values = path.child("values");
    let count = requirement.values.len();
    match requirement.operator.as_str() {
        "In" | "NotIn" if count == 0 => {
            let detail = "must be specified when `operator` is 'In' or 'NotIn'";
            errors.push(Error::required(&values, detail));
        }
        "Exists" | "DoesNotExist" if count > 0 => {
            let detail = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
            errors.push(Error::forbidden(&values, detail));
        }
        "Gt" | "Lt" if count != 1 => {
            let detail = "must be specified single value when `operator` is 'Lt' or 'Gt'";
            errors.push(Error::required(&values, detail));
        }
        "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt" => {}
        other => errors.push(Error::invalid(&path.child("operator"), named(other), UNKNOWN_OPERATOR)),
    }
    errors.append(validate_label_name(&requirement.key, &path.child("key")));
    if !allow_invalid_values {
        for (index, value) in requirement.values.iter().enumerate() {
            errors.append(invalid_each(&values.index(index), value, names::label_value(value)));
        }
    }
    errors
}

/// Of a node's fields, only the name can be asked for.
fn validate_field_requirement(requirement: &NodeSelectorRequirement, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    let values = path.child("values");
    match requirement.operator.as_str() {
        "In" | "NotIn" if requirement.values.len() != 1 => {
            let detail = "must be only one value when `operator` is 'In' or 'NotIn' for node field selector";
            errors.push(Error::required(&values, detail));
        }
        "In" | "NotIn" => {}
        other => errors.push(Error::invalid(&path.child("operator"), named(other), UNKNOWN_OPERATOR)),
    }
    if requirement.key == "metadata.name" {
        for (index, value) in requirement.values.iter().enumerate() {
            errors.append(object_name(NameRule::Dns1123Subdomain, &values.index(index), value));
        }
    } else {
        let detail = "not a valid field selector key";
        errors.push(Error::invalid(&path.child("key"), &requirement.key, detail));
    }
    errors
}

fn validate_weight(weight: i32, path: &Path<'_>) -> Option<Error> {
    let fault = !(1..=100).contains(&weight);
    fault.then(|| Error::invalid(&path.child("weight"), weight, "must be in the range 1-100"))
}

/// Checks what is preferred of nodes; it may name values that no label has.
#[must_use]
pub fn validate_preferred_terms(terms: &[PreferredSchedulingTerm], path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, term) in terms.iter().enumerate() {
        let path = path.index(index);
        errors.extend(validate_weight(term.weight, &path));
        errors.append(validate_node_selector_term(
            &term.preference,
            true,
            &path.child("preference"),
        ));
    }
    errors
}

fn validate_pod_terms(
    required: &[PodAffinityTerm],
    preferred: &[WeightedPodAffinityTerm],
    allow_invalid_values: bool,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    let list = path.child(REQUIRED);
    for (index, term) in required.iter().enumerate() {
        errors.append(validate_pod_term(term, allow_invalid_values, &list.index(index)));
    }
    let list = path.child(PREFERRED);
    for (index, weighted) in preferred.iter().enumerate() {
        let path = list.index(index);
        errors.extend(validate_weight(weighted.weight, &path));
        let path = path.child("podAffinityTerm");
        errors.append(validate_pod_term(
            &weighted.pod_affinity_term,
            allow_invalid_values,
            &path,
        ));
    }
    errors
}

/// Checks the two selectors of a term.
pub(crate) fn validate_term_selectors(
    term: &PodAffinityTerm,
    allow_invalid_values: bool,
    path: &Path<'_>,
) -> ErrorList {
    let options = LabelSelectorOptions {
        allow_invalid_label_values: allow_invalid_values,
        ..LabelSelectorOptions::default()
    };
    let mut errors = validate_label_selector(term.label_selector.as_deref(), options, &path.child("labelSelector"));
    errors.append(validate_label_selector(
        term.namespace_selector.as_deref(),
        options,
        &path.child("namespaceSelector"),
    ));
    errors
}

fn validate_pod_term(term: &PodAffinityTerm, allow_invalid_values: bool, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_term_selectors(term, allow_invalid_values, path);
    let namespace = path.child("namespace");
    for name in &term.namespaces {
        errors.append(object_name(NameRule::Dns1123Label, &namespace, name));
    }
    errors.append(validate_match_label_keys(
        &term.match_label_keys,
        &term.mismatch_label_keys,
        term.label_selector.as_deref(),
        path,
    ));
    let topology = path.child("topologyKey");
    if term.topology_key.is_empty() {
        errors.push(Error::required(&topology, "can not be empty"));
    }
    errors.append(validate_label_name(&term.topology_key, &topology));
    errors
}
