//! Validating admission policy bindings.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::validating_admission_policy_binding;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::ValidatingAdmissionPolicyBindingStrategy;

/// The resource `validatingadmissionpolicybindings`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "validatingadmissionpolicybindings",
        ValidatingAdmissionPolicyBindingStrategy,
        validating_admission_policy_binding::set_defaults,
    )
    .table(COLUMNS, row)
}
