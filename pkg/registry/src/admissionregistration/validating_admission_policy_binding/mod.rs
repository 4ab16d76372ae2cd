//! Validating admission policy bindings.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::validating_admission_policy_binding;
use k8s_api::admissionregistration::v1::ValidatingAdmissionPolicyBinding;

use super::strategy::AdmissionStrategy;
use crate::registration::Registration;

pub use printer::{COLUMNS, row};

/// The resource `validatingadmissionpolicybindings`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "validatingadmissionpolicybindings",
        AdmissionStrategy::<ValidatingAdmissionPolicyBinding>::default(),
        validating_admission_policy_binding::set_defaults,
    )
    .table(COLUMNS, row)
}
