//! Validating admission policies.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::validating_admission_policy;
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicy;

use super::strategy::AdmissionStrategy;
use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::ValidatingAdmissionPolicyStatusStrategy;

/// The resource `validatingadmissionpolicies`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "validatingadmissionpolicies",
        AdmissionStrategy::<ValidatingAdmissionPolicy>::default(),
        validating_admission_policy::set_defaults,
    )
    .table(COLUMNS, row)
    .update("status", ValidatingAdmissionPolicyStatusStrategy)
}
