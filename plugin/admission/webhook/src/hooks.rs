//! The webhooks of all configurations of a kind, and what it takes to ask them.

use std::sync::Arc;

use apiserver::admission::{Attributes, Derived, Phase};
use k8s_api::{
    Object,
    admissionregistration::v1::{MutatingWebhookConfiguration, ValidatingWebhookConfiguration},
};

use crate::{WebhookParts, call::Caller, client::Clients, hook::Hook, matching::Matcher};

/// A kind of object that configures webhooks.
pub(crate) trait Configuration: Object {
    /// The phase in which they are asked.
    const PHASE: Phase;

    /// Its webhooks.
    fn hooks(&self) -> Vec<Hook>;
}

impl Configuration for MutatingWebhookConfiguration {
    const PHASE: Phase = Phase::Admit;

    fn hooks(&self) -> Vec<Hook> {
        Hook::mutating(&self.metadata.name, &self.webhooks)
    }
}

impl Configuration for ValidatingWebhookConfiguration {
    const PHASE: Phase = Phase::Validate;

    fn hooks(&self) -> Vec<Hook> {
        Hook::validating(&self.metadata.name, &self.webhooks)
    }
}

/// The webhooks of all configurations of a kind.
#[derive(Debug)]
pub(crate) struct Hooks<C: Configuration> {
    configured: Derived<C, Arc<[Hook]>>,
    /// Finds out which requests they want.
    pub(crate) matcher: Matcher,
    /// Asks them.
    pub(crate) caller: Caller,
}

impl<C: Configuration> Hooks<C> {
    pub(crate) fn new(parts: &WebhookParts) -> Self {
        let kubeconfig = parts.configuration.kubeconfig.clone();
        Self {
            configured: Derived::new(parts.directory.lookup()),
            matcher: Matcher {
                directory: parts.directory.clone(),
                namespaces: parts.namespaces.clone(),
            },
            caller: Caller {
                clients: Arc::new(Clients::new(kubeconfig, parts.services.clone())),
                metrics: parts.metrics.clone(),
                phase: C::PHASE,
            },
        }
    }

    /// Those that may be asked about a request, in the order of their configurations' names.
    pub(crate) async fn of(&self, attributes: &Attributes<'_>) -> Arc<[Hook]> {
        if configures_admission(&attributes.kind.group, &attributes.kind.name) {
            return Arc::default();
        }
        self.configured.catch_up().await;
        // The store lists them by name.
        self.configured
            .get(|all| all.iter().flat_map(|one| one.hooks()).collect())
    }
}

/// The kinds that configure admission, past which no webhook stands.
fn configures_admission(group: &str, kind: &str) -> bool {
    group == "admissionregistration.k8s.io"
        && matches!(
            kind,
            "ValidatingWebhookConfiguration"
                | "MutatingWebhookConfiguration"
                | "ValidatingAdmissionPolicy"
                | "ValidatingAdmissionPolicyBinding"
                | "MutatingAdmissionPolicy"
                | "MutatingAdmissionPolicyBinding"
        )
}
