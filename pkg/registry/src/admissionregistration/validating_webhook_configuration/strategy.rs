//! The rules of validating webhook configurations.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::static_suffix_warnings;
use apis_cluster::admissionregistration::validating_webhook_configuration as rules;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::ValidatingWebhookConfiguration;

use super::super::{static_suffix_on_create, with_static_suffix};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct ValidatingWebhookConfigurationStrategy;

impl Strategy for ValidatingWebhookConfigurationStrategy {
    type Object = ValidatingWebhookConfiguration;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut ValidatingWebhookConfiguration) {
        object.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &ValidatingWebhookConfiguration) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut ValidatingWebhookConfiguration,
        old: &ValidatingWebhookConfiguration,
    ) {
        if new.webhooks != old.webhooks {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingWebhookConfiguration,
        old: &ValidatingWebhookConfiguration,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn warnings_on_create(
        &self,
        context: &StrategyContext<'_>,
        object: &ValidatingWebhookConfiguration,
    ) -> Vec<String> {
        static_suffix_on_create(context, &object.metadata.name)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &ValidatingWebhookConfiguration,
        _old: &ValidatingWebhookConfiguration,
    ) -> Vec<String> {
        static_suffix_warnings(&new.metadata.name)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
