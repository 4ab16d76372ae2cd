//! Validating webhook configurations.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::validating_webhook_configuration;
use k8s_api::admissionregistration::v1::ValidatingWebhookConfiguration;

use super::strategy::AdmissionStrategy;
use crate::registration::Registration;

pub use printer::{COLUMNS, row};

/// The resource `validatingwebhookconfigurations`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "validatingwebhookconfigurations",
        AdmissionStrategy::<ValidatingWebhookConfiguration>::default(),
        validating_webhook_configuration::set_defaults,
    )
    .table(COLUMNS, row)
}
