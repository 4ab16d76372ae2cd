//! `MutatingAdmissionPolicyBinding`: where a policy applies, and with which parameters.

use apimachinery::field::{ErrorList, Path};
use apis_pod::meta::NameRule;
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicyBinding;

use super::policy;
use crate::common;

/// Resources match everything that they do not exclude.
pub fn set_defaults(binding: &mut MutatingAdmissionPolicyBinding) {
    if let Some(resources) = &mut binding.spec.match_resources {
        policy::set_match_defaults(resources);
    }
}

/// Every fault of a binding, new or updated.
#[must_use]
pub fn validate(binding: &MutatingAdmissionPolicyBinding) -> ErrorList {
    let mut errors = common::object_meta(&binding.metadata, false, NameRule::Dns1123Subdomain);
    let path = Path::new("spec");
    let spec = &binding.spec;
    errors.append(policy::validate_binding(
        &spec.policy_name,
        spec.param_ref.as_deref(),
        spec.match_resources.as_deref(),
        &path,
    ));
    if let Some(resources) = &spec.match_resources {
        errors.append(policy::validate_mutating_operations(
            resources,
            &path.child("matchResources"),
        ));
    }
    errors
}
