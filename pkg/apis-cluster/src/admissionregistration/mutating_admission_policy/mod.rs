//! `MutatingAdmissionPolicy`: expressions that change requests.

mod validation;

use k8s_api::admissionregistration::v1::MutatingAdmissionPolicy;

pub use validation::{validate, validate_update};

/// Failing expressions refuse, and constraints match everything that they do not exclude.
pub fn set_defaults(policy: &mut MutatingAdmissionPolicy) {
    policy.spec.failure_policy.get_or_insert_with(|| "Fail".into());
    if let Some(constraints) = &mut policy.spec.match_constraints {
        super::policy::set_match_defaults(constraints);
    }
}
