//! Mutating webhook configurations.

mod printer;
mod strategy;

use apis_cluster::admissionregistration::mutating_webhook_configuration;

use crate::registration::Registration;

pub use printer::{COLUMNS, row};
pub use strategy::MutatingWebhookConfigurationStrategy;

/// The resource `mutatingwebhookconfigurations`.
#[must_use]
pub fn registration() -> Registration {
    Registration::new(
        "mutatingwebhookconfigurations",
        MutatingWebhookConfigurationStrategy,
        mutating_webhook_configuration::set_defaults,
    )
    .table(COLUMNS, row)
}
