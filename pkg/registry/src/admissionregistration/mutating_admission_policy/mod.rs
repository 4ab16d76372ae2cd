//! Mutating admission policies.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::mutating_admission_policy;
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicy;

use super::strategy::AdmissionStrategy;
use crate::registration::Registration;

pub use printer::{COLUMNS, row};

/// The resource `mutatingadmissionpolicies`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "mutatingadmissionpolicies",
        AdmissionStrategy::<MutatingAdmissionPolicy>::default(),
        mutating_admission_policy::set_defaults,
    )
    .table(COLUMNS, row)
}
