//! The rules of mutating webhook configurations.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::mutating_webhook_configuration as rules;
use apis_cluster::admissionregistration::static_suffix_warnings;
use apiserver::registry::{Strategy, StrategyContext};
use k8s_api::admissionregistration::v1::MutatingWebhookConfiguration;

use super::super::{static_suffix_on_create, with_static_suffix};

/// The rules of the object itself.
#[derive(Clone, Copy, Debug)]
pub struct MutatingWebhookConfigurationStrategy;

impl Strategy for MutatingWebhookConfigurationStrategy {
    type Object = MutatingWebhookConfiguration;

    fn namespaced(&self) -> bool {
        false
    }

    fn prepare_for_create(&self, _context: &StrategyContext<'_>, object: &mut MutatingWebhookConfiguration) {
        object.metadata.generation = 1;
    }

    fn validate(&self, context: &StrategyContext<'_>, object: &MutatingWebhookConfiguration) -> ErrorList {
        with_static_suffix(context, &object.metadata.name, rules::validate(object))
    }

    fn prepare_for_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &mut MutatingWebhookConfiguration,
        old: &MutatingWebhookConfiguration,
    ) {
        if new.webhooks != old.webhooks {
            new.metadata.generation = old.metadata.generation + 1;
        }
    }

    fn validate_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &MutatingWebhookConfiguration,
        old: &MutatingWebhookConfiguration,
    ) -> ErrorList {
        rules::validate_update(new, old)
    }

    fn warnings_on_create(&self, context: &StrategyContext<'_>, object: &MutatingWebhookConfiguration) -> Vec<String> {
        static_suffix_on_create(context, &object.metadata.name)
    }

    fn warnings_on_update(
        &self,
        _context: &StrategyContext<'_>,
        new: &MutatingWebhookConfiguration,
        _old: &MutatingWebhookConfiguration,
    ) -> Vec<String> {
        static_suffix_warnings(&new.metadata.name)
    }

    fn allow_unconditional_update(&self) -> bool {
        false
    }
}
