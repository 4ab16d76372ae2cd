//! Mutating webhook configurations.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::mutating_webhook_configuration;
use k8s_api::admissionregistration::v1::MutatingWebhookConfiguration;

use super::strategy::AdmissionStrategy;
use crate::registration::Registration;

pub use printer::{COLUMNS, row};

/// The resource `mutatingwebhookconfigurations`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "mutatingwebhookconfigurations",
        AdmissionStrategy::<MutatingWebhookConfiguration>::default(),
        mutating_webhook_configuration::set_defaults,
    )
    .table(COLUMNS, row)
}
