//! The rules of validating webhook configurations.

use apimachinery::field::ErrorList;
use apis_cluster::admissionregistration::validating_webhook_configuration as rules;
use k8s_api::admissionregistration::v1::ValidatingWebhookConfiguration;

use super::super::strategy::AdmissionKind;

impl AdmissionKind for ValidatingWebhookConfiguration {
    fn validate(&self) -> ErrorList {
        rules::validate(self)
    }

    fn validate_update(&self, old: &Self) -> ErrorList {
        rules::validate_update(self, old)
    }

    fn differs(&self, old: &Self) -> bool {
        self.webhooks != old.webhooks
    }
}
