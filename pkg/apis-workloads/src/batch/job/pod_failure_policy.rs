//! What is to become of a job when pods of it fail.

use std::collections::HashSet;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::rules::{named, one_of, qualified_name};
use k8s_api::{
    batch::v1::{
        JobSpec, PodFailurePolicy, PodFailurePolicyOnExitCodesRequirement, PodFailurePolicyOnPodConditionsPattern,
        PodFailurePolicyRule,
    },
    primitives::quote,
};

use super::show;

const MAX_RULES: usize = 20;
const MAX_EXIT_CODES: usize = 255;
const MAX_PATTERNS: usize = 20;
const ACTIONS: [&str; 4] = ["Count", "FailIndex", "FailJob", "Ignore"];
const OPERATORS: [&str; 2] = ["In", "NotIn"];
const STATUSES: [&str; 3] = ["False", "True", "Unknown"];

fn valid_values(values: &[&str]) -> String {
    let quoted: Vec<_> = values.iter().map(|value| quote(value)).collect();
    format!("valid values: [{}]", quoted.join(" "))
}

/// An error if there is nothing, or nothing that is known.
fn required_one_of(path: &Path<'_>, value: &str, supported: &[&str]) -> Option<Error> {
    if value.is_empty() {
        return Some(Error::required(path, valid_values(supported)));
    }
    one_of(path, value, supported)
}

pub(super) fn validate(spec: &JobSpec, policy: &PodFailurePolicy, path: &Path<'_>, errors: &mut ErrorList) {
    let rules = path.child("rules");
    if policy.rules.len() > MAX_RULES {
        errors.push(Error::too_many(&rules, policy.rules.len(), MAX_RULES));
    }
    for (index, rule) in policy.rules.iter().enumerate() {
        validate_rule(spec, rule, &rules.index(index), errors);
    }
}

fn validate_rule(spec: &JobSpec, rule: &PodFailurePolicyRule, path: &Path<'_>, errors: &mut ErrorList) {
    let action = path.child("action");
    if rule.action == "FailIndex" {
        if spec.backoff_limit_per_index.is_none() {
            let detail = "requires the backoffLimitPerIndex to be set";
            errors.push(Error::invalid(&action, named(&rule.action), detail));
        }
    } else {
        errors.extend(required_one_of(&action, &rule.action, &ACTIONS));
    }
    if let Some(requirement) = &rule.on_exit_codes {
        validate_exit_codes(spec, requirement, &path.child("onExitCodes"), errors);
    }
    if !rule.on_pod_conditions.is_empty() {
        validate_pod_conditions(&rule.on_pod_conditions, &path.child("onPodConditions"), errors);
    }
    let fault = match (&rule.on_exit_codes, rule.on_pod_conditions.is_empty()) {
        (Some(_), false) => "specifying both OnExitCodes and OnPodConditions is not supported",
        (None, true) => "specifying one of OnExitCodes and OnPodConditions is required",
        _ => return,
    };
    errors.push(Error::invalid(path, BadValue::OMITTED, fault));
}

fn validate_pod_conditions(
    patterns: &[PodFailurePolicyOnPodConditionsPattern],
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    if patterns.len() > MAX_PATTERNS {
        errors.push(Error::too_many(path, patterns.len(), MAX_PATTERNS));
    }
    for (index, pattern) in patterns.iter().enumerate() {
        let path = path.index(index);
        errors.append(qualified_name(&path.child("type"), &pattern.type_));
        errors.extend(required_one_of(&path.child("status"), &pattern.status, &STATUSES));
    }
}

fn validate_exit_codes(
    spec: &JobSpec,
    requirement: &PodFailurePolicyOnExitCodesRequirement,
    path: &Path<'_>,
    errors: &mut ErrorList,
) {
    let operator = &requirement.operator;
    errors.extend(required_one_of(&path.child("operator"), operator, &OPERATORS));
    if let Some(name) = &requirement.container_name {
        let pod = &spec.template.spec;
        let mut containers = pod.containers.iter().chain(&pod.init_containers);
        if !containers.any(|container| container.name == *name) {
            let detail = "must be one of the container or initContainer names in the pod template";
            errors.push(Error::invalid(&path.child("containerName"), name, detail));
        }
    }
    let values = &requirement.values;
    let values_path = path.child("values");
    if values.is_empty() {
        let detail = "at least one value is required";
        errors.push(Error::invalid(&values_path, show::exit_code_values(values), detail));
    } else if values.len() > MAX_EXIT_CODES {
        errors.push(Error::too_many(&values_path, values.len(), MAX_EXIT_CODES));
    }
    let mut seen = HashSet::new();
    for (index, value) in values.iter().enumerate() {
        let path = values_path.index(index);
        if operator == "In" && *value == 0 {
            errors.push(Error::invalid(&path, *value, "must not be 0 for the In operator"));
        }
        if !seen.insert(*value) {
            errors.push(Error::duplicate(&path, *value));
        }
    }
    if !values.is_sorted() {
        let shown = show::exit_code_values(values);
        errors.push(Error::invalid(&values_path, shown, "must be ordered"));
    }
}
