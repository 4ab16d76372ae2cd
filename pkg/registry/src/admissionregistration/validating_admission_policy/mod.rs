//! Validating admission policies.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::validating_admission_policy;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::{ValidatingAdmissionPolicyStatusStrategy, ValidatingAdmissionPolicyStrategy};

/// The resource `validatingadmissionpolicies`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "validatingadmissionpolicies",
        ValidatingAdmissionPolicyStrategy,
        validating_admission_policy::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", ValidatingAdmissionPolicyStatusStrategy)
}
