//! Mutating admission policies.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::mutating_admission_policy;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::MutatingAdmissionPolicyStrategy;

/// The resource `mutatingadmissionpolicies`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "mutatingadmissionpolicies",
        MutatingAdmissionPolicyStrategy,
        mutating_admission_policy::set_defaults,
    )
    .table(COLUMNS, row)
}
