//! Mutating admission policy bindings.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::mutating_admission_policy_binding;
use k8s_api::admissionregistration::v1::MutatingAdmissionPolicyBinding;

use super::strategy::AdmissionStrategy;
use crate::registration::Registration;

pub use printer::{COLUMNS, row};

/// The resource `mutatingadmissionpolicybindings`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "mutatingadmissionpolicybindings",
        AdmissionStrategy::<MutatingAdmissionPolicyBinding>::default(),
        mutating_admission_policy_binding::set_defaults,
    )
    .table(COLUMNS, row)
}
