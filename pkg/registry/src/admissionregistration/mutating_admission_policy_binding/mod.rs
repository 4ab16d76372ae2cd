//! Mutating admission policy bindings.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::mutating_admission_policy_binding;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::MutatingAdmissionPolicyBindingStrategy;

/// The resource `mutatingadmissionpolicybindings`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "mutatingadmissionpolicybindings",
        MutatingAdmissionPolicyBindingStrategy,
        mutating_admission_policy_binding::set_defaults,
    )
    .table(COLUMNS, row)
}
