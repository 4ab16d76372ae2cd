//! `ValidatingAdmissionWebhook`: all webhooks judge the object at the same time.

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use futures::future::join_all;
use k8s_api::admissionregistration::v1::ValidatingWebhookConfiguration;
use tokio::time::Instant;

use crate::{WebhookParts, call::Outcome, hooks::Hooks};

/// Prefix of the audit annotations of failures that were passed over.
const FAILED_OPEN: &str = "failed-open.validating.webhook.admission.k8s.io/";

/// The plugin `ValidatingAdmissionWebhook`.
#[derive(Debug)]
pub struct ValidatingAdmissionWebhook {
    hooks: Hooks<ValidatingWebhookConfiguration>,
}

impl ValidatingAdmissionWebhook {
    /// The plugin over the configurations that the directory has.
    #[must_use]
    pub fn new(parts: &WebhookParts) -> Self {
        Self {
            hooks: Hooks::new(parts),
        }
    }
}

#[async_trait]
impl Plugin for ValidatingAdmissionWebhook {
    fn name(&self) -> &'static str {
        "ValidatingAdmissionWebhook"
    }

    fn handles(&self, _operation: Operation) -> bool {
        true
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        let hooks = self.hooks.of(attributes).await;
        let mut calls = Vec::new();
        for hook in hooks.iter() {
            if let Some(invocation) = self.hooks.matcher.invocation(hook, attributes, object).await? {
                calls.push((hook, invocation));
            }
        }
        if calls.is_empty() {
            return Ok(());
        }
        let answers = calls.iter().enumerate().map(|(index, (hook, invocation))| async move {
            let begun = Instant::now();
            let result = self.hooks.caller.ask(hook, invocation, attributes, object).await;
            if let Outcome::FailedOpen = self.hooks.caller.judge(hook, attributes, begun, result)? {
                let key = format!("{FAILED_OPEN}round_0_index_{index}");
                attributes.request.annotate(key, hook.name.as_str());
            }
            Ok(())
        });
        // All are asked to the end, as upstream does: each one's audit annotations count. The first refusal is answered.
        let begun = Instant::now();
        let results: Vec<Result<(), StatusError>> = join_all(answers).await;
        attributes.request.add_waited(begun.elapsed());
        results.into_iter().collect()
    }
}
