//! `ValidatingAdmissionPolicyBinding`: where a policy applies, with which parameters, and what it does.

use std::collections::HashSet;

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;

use super::policy;
use crate::common;

/// Resources match everything that they do not exclude.
pub fn set_defaults(binding: &mut ValidatingAdmissionPolicyBinding) {
    if let Some(resources) = &mut binding.spec.match_resources {
        policy::set_match_defaults(resources);
    }
}

/// Every fault of a binding, new or updated.
#[must_use]
pub fn validate(binding: &ValidatingAdmissionPolicyBinding) -> ErrorList {
    let mut errors = common::object_meta(&binding.metadata, false, NameRule::Dns1123Subdomain);
    let spec = &binding.spec;
    errors.append(policy::validate_binding(
        &spec.policy_name,
        spec.param_ref.as_deref(),
        spec.match_resources.as_deref(),
        &Path::new("spec"),
    ));
    errors.append(validate_actions(&spec.validation_actions));
    errors
}

fn validate_actions(actions: &[String]) -> ErrorList {
    let list = Path::new("spec.validationActions");
    let mut errors = ErrorList::new();
    let mut seen = HashSet::new();
    for (at, action) in actions.iter().enumerate() {
        let path = list.index(at);
        errors.extend(common::one_of(&path, action, &["Audit", "Deny", "Warn"]));
        if !seen.insert(action.as_str()) {
            errors.push(Error::duplicate(&path, action));
        }
    }
    if seen.contains("Deny") && seen.contains("Warn") {
        let detail = "must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)";
        errors.push(Error::invalid(&list, BadValue::json(&actions), detail));
    }
    if actions.is_empty() {
        errors.push(Error::required(&list, "at least one validation action is required"));
    }
    errors
}
