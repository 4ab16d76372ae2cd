//! Validating webhook configurations.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::validating_webhook_configuration;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::ValidatingWebhookConfigurationStrategy;

/// The resource `validatingwebhookconfigurations`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "validatingwebhookconfigurations",
        ValidatingWebhookConfigurationStrategy,
        validating_webhook_configuration::set_defaults,
    )
    .table(COLUMNS, row)
}
