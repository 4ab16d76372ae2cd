//! One call of a webhook, and what its outcome means.

use std::{sync::Arc, time::Duration};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Phase, WebhookMetrics},
    registry::AnyObject,
};
use client_go::Error;
use http::Method;
use k8s_api::{meta::v1::Status, primitives::quote};
use tokio::time::Instant;

use crate::{
    client::Clients,
    hook::{Hook, SideEffects},
    matching::Invocation,
    review::{Answer, AnswerError, question},
};

/// Why a webhook does not say yes.
#[derive(Debug)]
pub(crate) enum CallError {
    /// It could not be asked, or not be understood: its failure policy decides.
    Calling {
        /// Why.
        reason: String,
        /// The code that is counted.
        code: i32,
    },
    /// It says no.
    Rejection(StatusError),
    /// The request cannot be answered, whatever the failure policy says.
    Request(StatusError),
}

/// What becomes of the request.
pub(crate) enum Outcome<T> {
    /// The webhook said yes.
    Allowed(T),
    /// It could not be asked, which counts as a yes.
    FailedOpen,
}

/// Calls webhooks.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) clients: Arc<Clients>,
    pub(crate) metrics: WebhookMetrics,
    pub(crate) phase: Phase,
}

fn calling(reason: impl Into<String>, code: i32) -> CallError {
    CallError::Calling {
        reason: reason.into(),
        code,
    }
}

impl Caller {
    /// Asks a webhook; refuses where it says no.
    ///
    /// # Errors
    /// [`CallError`]
    pub(crate) async fn ask(
        &self,
        hook: &Hook,
        invocation: &Invocation,
        attributes: &Attributes<'_>,
        object: Option<&dyn AnyObject>,
    ) -> Result<Answer, CallError> {
        if attributes.options.dry_run {
            match hook.side_effects {
                SideEffects::NotOnDryRun => {}
                SideEffects::Unsaid => return Err(calling("Webhook SideEffects is nil", 400)),
                SideEffects::Some => {
                    let name = quote(&hook.name);
                    return Err(CallError::Request(StatusError::bad_request(format!(
                        "admission webhook {name} does not support dry run"
                    ))));
                }
            }
        }
        let unknown =
            "could not create admission objects: webhook does not accept known AdmissionReview versions (v1, v1beta1)";
        let version = hook.version.ok_or_else(|| calling(unknown, 400))?;
        let uid = uuid::Uuid::new_v4().to_string();
        let body = question(version, &uid, invocation, attributes, object)
            .map_err(|error| calling(format!("could not create admission objects: {error}"), 400))?;
        let body = self.send(hook, body).await?;
        let answer = Answer::decode(version, &uid, self.phase == Phase::Admit, &body).map_err(|error| {
            let code = match error {
                AnswerError::Decode(_) | AnswerError::Invalid(_) => 503,
            };
            calling(error.to_string(), code)
        })?;
        for (key, value) in &answer.audit_annotations {
            attributes
                .request
                .annotate(format!("{}/{key}", hook.name), value.as_str());
        }
        for warning in &answer.warnings {
            attributes.request.warn(warning.as_str());
        }
        if answer.allowed {
            return Ok(answer);
        }
        Err(CallError::Rejection(denial(&hook.name, answer.status)))
    }

    /// Sends a question and returns the text of the answer.
    async fn send(&self, hook: &Hook, body: Vec<u8>) -> Result<Vec<u8>, CallError> {
        let target = self.clients.client(&hook.client);
        let target = target.map_err(|error| calling(format!("could not get REST client: {error}"), 500))?;
        let mut request = target
            .client
            .request(Method::POST, target.path)
            .timeout(None)
            .body("application/json", body);
        if let Some(timeout) = hook.timeout {
            request = request.query("timeout", &format!("{}s", timeout.as_secs()));
        }
        let url = request.url();
        let response = match hook.timeout {
            None => request.send().await,
            Some(timeout) => match tokio::time::timeout(timeout, request.send()).await {
                Ok(response) => response,
                Err(_) => {
                    let reason = format!(
                        "failed to call webhook: Post {}: context deadline exceeded",
                        quote(&url)
                    );
                    return Err(calling(reason, 503));
                }
            },
        };
        let response = response.map_err(|error| {
            let code = match &error {
                Error::Status(status) => status.code(),
                _ => 503,
            };
            calling(format!("failed to call webhook: {error}"), code)
        })?;
        Ok(response.body.to_vec())
    }

    /// Counts the outcome of a call and decides by the failure policy.
    ///
    /// # Errors
    /// The refusal, as the client sees it.
    pub(crate) fn judge<T>(
        &self,
        hook: &Hook,
        attributes: &Attributes<'_>,
        begun: Instant,
        result: Result<T, CallError>,
    ) -> Result<Outcome<T>, StatusError> {
        let (operation, took): (_, Duration) = (attributes.operation, begun.elapsed());
        let count = |code, rejected: Option<&str>| {
            if let Some(error) = rejected {
                self.metrics.rejected(&hook.name, self.phase, operation, error, code);
            }
            self.metrics
                .called(&hook.name, self.phase, operation, code, rejected.is_some(), took);
        };
        match result {
            Ok(value) => {
                count(200, None);
                Ok(Outcome::Allowed(value))
            }
            Err(CallError::Calling { reason, code }) => {
                count(code, (!hook.fails_open).then_some("calling_webhook_error"));
                let message = format!("failed calling webhook {}: {reason}", quote(&hook.name));
                if hook.fails_open {
                    tracing::warn!(webhook = hook.name, message, "failed calling webhook, failing open");
                    self.metrics.failed_open(&hook.name, self.phase);
                    return Ok(Outcome::FailedOpen);
                }
                tracing::warn!(webhook = hook.name, message, "failed calling webhook, failing closed");
                Err(StatusError::internal_error(message))
            }
            Err(CallError::Rejection(status)) => {
                count(status.code(), Some("no_error"));
                Err(status)
            }
            Err(CallError::Request(status)) => {
                count(0, Some("apiserver_internal_error"));
                Err(status)
            }
        }
    }
}

/// The refusal of a webhook as the client sees it.
pub(crate) fn denial(hook: &str, status: Option<Status>) -> StatusError {
    let mut status = status.unwrap_or_default();
    status.code = status.code.max(400);
    if status.status.is_empty() || status.status == "Success" {
        "Failure".clone_into(&mut status.status);
    }
    let denied = format!("admission webhook {} denied the request", quote(hook));
    status.message = match (status.message.as_str(), status.reason.as_str()) {
        ("", "") => format!("{denied} without explanation"),
        ("", reason) => format!("{denied}: {reason}"),
        (message, _) => format!("{denied}: {message}"),
    };
    status.into()
}
