//! Spreading pods over a topology, and keys of labels that selectors are made of.

use std::collections::{HashMap, HashSet};

use apimachinery::field::{Error, ErrorList, Path};
use k8s_api::{core::v1::TopologySpreadConstraint, meta::v1::LabelSelector};

use super::super::PodValidationOptions;
use crate::{
    meta::{LabelSelectorOptions, validate_label_name, validate_label_selector},
    rules::{one_of, positive},
};

const IN_BOTH: &str = "exists in both matchLabelKeys and labelSelector";
const NO_SELECTOR: &str = "must not be specified when labelSelector is not set";

pub(super) fn validate_constraints(
    constraints: &[TopologySpreadConstraint],
    options: &PodValidationOptions,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    for (index, constraint) in constraints.iter().enumerate() {
        let path = path.index(index);
        let action = constraint.when_unsatisfiable.as_str();
        errors.extend(positive(&path.child("maxSkew"), constraint.max_skew.into()));
        if constraint.topology_key.is_empty() {
            errors.push(Error::required(&path.child("topologyKey"), "can not be empty"));
        }
        errors.extend(one_of(
            &path.child("whenUnsatisfiable"),
            action,
            &["DoNotSchedule", "ScheduleAnyway"],
        ));
        let key = |constraint: &TopologySpreadConstraint| {
            (constraint.topology_key.clone(), constraint.when_unsatisfiable.clone())
        };
        if constraints[index + 1..]
            .iter()
            .any(|other| key(other) == key(constraint))
        {
            let value = format!("{{{}, {action}}}", constraint.topology_key);
            errors.push(Error::duplicate(&path.child("{topologyKey, whenUnsatisfiable}"), value));
        }
        if let Some(least) = constraint.min_domains {
            let path = path.child("minDomains");
            errors.extend(positive(&path, least.into()));
            if action != "DoNotSchedule" {
                let detail = format!("can only use minDomains if whenUnsatisfiable=DoNotSchedule, not {action}");
                errors.push(Error::invalid(&path, least, detail));
            }
        }
        for (member, policy) in [
            ("nodeAffinityPolicy", &constraint.node_affinity_policy),
            ("nodeTaintsPolicy", &constraint.node_taints_policy),
        ] {
            let policy = policy.as_deref();
            errors.extend(policy.and_then(|policy| one_of(&path.child(member), policy, &["Honor", "Ignore"])));
        }
        let selector = constraint.label_selector.as_deref();
        let keys = &constraint.match_label_keys;
        errors.append(if uses_current_rules(options) {
            validate_match_label_keys(keys, &[], selector, &path)
        } else {
            validate_legacy_match_label_keys(keys, selector, &path.child("matchLabelKeys"))
        });
        if !options.allow_invalid_spread_selectors {
            let path = path.child("labelSelector");
            errors.append(validate_label_selector(
                selector,
                LabelSelectorOptions::default(),
                &path,
            ));
        }
    }
    errors
}

/// Whether the rules that go with merged selectors apply; a pod that violates those in force keeps the others.
fn uses_current_rules(options: &PodValidationOptions) -> bool {
    options.spread_match_label_keys
        && if options.spread_match_label_keys_merge {
            !options.old_violates_match_label_keys
        } else {
            options.old_violates_legacy_match_label_keys
        }
}

/// Checks keys whose labels are to match or not to match. Selectors made of them have been merged already.
pub(crate) fn validate_match_label_keys(
    matching: &[String],
    mismatching: &[String],
    selector: Option<&LabelSelector>,
    path: &Path<'_>,
) -> ErrorList {
    let matching_path = path.child("matchLabelKeys");
    let mut errors = validate_keys(matching, selector, &matching_path);
    errors.append(validate_keys(mismatching, selector, &path.child("mismatchLabelKeys")));
    if let Some(selector) = selector {
        let places: HashMap<&str, usize> = matching.iter().enumerate().map(|(i, key)| (key.as_str(), i)).collect();
        let mut seen: HashSet<&str> = selector.match_labels.keys().map(String::as_str).collect();
        for expression in &selector.match_expressions {
            let key = expression.key.as_str();
            if let Some(place) = places.get(key).filter(|_| seen.contains(key)) {
                errors.push(Error::invalid(&path.index(*place), key, IN_BOTH));
            }
            seen.insert(key);
        }
    }
    for (index, key) in matching.iter().enumerate().filter(|(_, key)| mismatching.contains(key)) {
        let detail = "exists in both matchLabelKeys and mismatchLabelKeys";
        errors.push(Error::invalid(&matching_path.index(index), key, detail));
    }
    errors
}

fn validate_keys(keys: &[String], selector: Option<&LabelSelector>, path: &Path<'_>) -> ErrorList {
    if keys.is_empty() {
        return ErrorList::new();
    }
    if selector.is_none() {
        return Error::forbidden(path, NO_SELECTOR).into();
    }
    let keys = keys.iter().enumerate();
    keys.flat_map(|(index, key)| validate_label_name(key, &path.index(index)))
        .collect()
}

/// Checks keys by the rules from before selectors were merged.
pub(crate) fn validate_legacy_match_label_keys(
    keys: &[String],
    selector: Option<&LabelSelector>,
    path: &Path<'_>,
) -> ErrorList {
    let mut errors = ErrorList::new();
    if keys.is_empty() {
        return errors;
    }
    if selector.is_none() {
        errors.push(Error::forbidden(path, NO_SELECTOR));
    }
    let selects = |key: &String| {
        selector.is_some_and(|selector| {
            let mut expressions = selector.match_expressions.iter();
            selector.match_labels.contains_key(key) || expressions.any(|expression| expression.key == *key)
        })
    };
    for (index, key) in keys.iter().enumerate() {
        let path = path.index(index);
        errors.append(validate_label_name(key, &path));
        if selects(key) {
            errors.push(Error::invalid(&path, key, IN_BOTH));
        }
    }
    errors
}
