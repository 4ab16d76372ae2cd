//! `ValidatingWebhookConfiguration`: webhooks that may refuse requests.

use apimachinery::field::ErrorList;
use k8s_api::admissionregistration::v1::ValidatingWebhookConfiguration;

use super::webhooks::{self, Options, Webhook};

/// Fills in policies, selectors, scopes, ports and the timeout of every webhook.
pub fn set_defaults(configuration: &mut ValidatingWebhookConfiguration) {
    for hook in &mut configuration.webhooks {
        webhooks::set_webhook_defaults!(&mut *hook);
    }
}

fn hooks(configuration: &ValidatingWebhookConfiguration) -> Vec<Webhook<'_>> {
    configuration.webhooks.iter().map(Webhook::from).collect()
}

/// Every fault of a new configuration.
#[must_use]
pub fn validate(configuration: &ValidatingWebhookConfiguration) -> ErrorList {
    webhooks::validate(&configuration.metadata, &hooks(configuration), Options::CREATE)
}

/// Every fault of an update.
#[must_use]
pub fn validate_update(new: &ValidatingWebhookConfiguration, old: &ValidatingWebhookConfiguration) -> ErrorList {
    let hooks_of_new = hooks(new);
    let options = Options::for_update(&hooks_of_new, &hooks(old));
    webhooks::validate(&new.metadata, &hooks_of_new, options)
}
