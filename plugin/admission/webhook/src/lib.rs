//! Admission by webhooks: remote services that change and judge objects.
//!
//! [`MutatingAdmissionWebhook`] asks the webhooks of all `MutatingWebhookConfiguration`s one after the other, in the order
//! of the configurations' names, and applies their patches; [`ValidatingAdmissionWebhook`] asks those of all
//! `ValidatingWebhookConfiguration`s at the same time. Both are configured by a [`WebhookAdmissionConfiguration`].
//!
//! What is asked, in which version, and of whom is in `matching`; the question and the answer are in `review`; the way to a
//! webhook is in `client`. Requests about the configurations of admission themselves go past all webhooks, so that a wrong
//! one can be taken away. Match conditions are written in CEL, which nobody evaluates yet: a webhook that has them counts
//! as one whose conditions fail, by its failure policy.
//!
//! Upstream: `k8s.io/apiserver/pkg/admission/plugin/webhook`.

mod call;
mod client;
mod config;
mod hook;
mod hooks;
mod matching;
mod mutating;
mod review;
mod validating;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use apiserver::{
    admission::{Lookup, StoreDirectory, WebhookMetrics},
    proxy::ServiceResolver,
};
use k8s_api::core::v1::Namespace;

pub use config::{WebhookAdmissionConfiguration, WebhookConfigurationError};
pub use mutating::MutatingAdmissionWebhook;
pub use validating::ValidatingAdmissionWebhook;

/// What both plugins are made of.
#[derive(Clone, Debug)]
pub struct WebhookParts {
    /// Who the webhooks are told that the server is.
    pub configuration: WebhookAdmissionConfiguration,
    /// Under which other names resources are served.
    pub directory: Arc<StoreDirectory>,
    /// The namespaces, for their labels.
    pub namespaces: Arc<dyn Lookup<Namespace>>,
    /// Finds the Services that webhooks are behind.
    pub services: ServiceResolver,
    /// Where calls are counted.
    pub metrics: WebhookMetrics,
}
