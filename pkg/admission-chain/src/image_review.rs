//! Image reviews that a remote service answers, found by a kubeconfig file.

use std::{path::Path, time::Duration};

use admission_pod::{ImagePolicyConfiguration, ImageReviewSpec, ImageReviewStatus, ImageReviewer};
use async_trait::async_trait;
use client_go::{Client, Config, Error};
use http::Method;
use serde_json::{Value, json};

const API_VERSION: &str = "imagepolicy.k8s.io/v1alpha1";
/// How often a question is asked before it counts as unanswered.
const ATTEMPTS: u32 = 5;
/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// One service.
#[derive(Debug)]
pub(crate) struct RemoteImageReviews {
    client: Client,
    pause: Duration,
}

impl RemoteImageReviews {
    /// The service that the configuration's kubeconfig file describes.
    pub(crate) fn new(configuration: &ImagePolicyConfiguration) -> Result<Self, String> {
        let file = Some(configuration.kubeconfig.as_str()).filter(|file| !file.is_empty());
        let config = Config::from_flags(file.map(Path::new), "").map_err(|error| error.to_string())?;
        let config = Config {
            // Each pod may need a question.
            qps: -1.0,
            timeout: None,
            ..config
        };
        Ok(Self {
            client: Client::new(&config).map_err(|error| error.to_string())?,
            pause: configuration.retry_backoff,
        })
    }

    async fn ask(&self, question: &Value) -> Result<Value, String> {
        let body = question.to_string();
        let mut pause = self.pause;
        let mut attempt = 1;
        loop {
            let request = self
                .client
                .request(Method::POST, "")
                .max_retries(0)
                .body("application/json", body.clone());
            let error = match tokio::time::timeout(PATIENCE, request.send()).await {
                Ok(Ok(response)) => {
                    return serde_json::from_slice(&response.body).map_err(|error| error.to_string());
                }
                Ok(Err(error)) => error,
                Err(_) => return Err("context deadline exceeded".to_owned()),
            };
            let may_pass = match error.status() {
                Some(status) => status.is_internal_error() || status.is_too_many_requests(),
                None => matches!(error, Error::Request { .. }),
            };
            if attempt == ATTEMPTS || !may_pass {
                return Err(error.to_string());
            }
            attempt += 1;
            tokio::time::sleep(pause).await;
            pause = pause.mul_f64(1.5);
        }
    }
}

#[async_trait]
impl ImageReviewer for RemoteImageReviews {
    async fn review(&self, spec: &ImageReviewSpec) -> Result<ImageReviewStatus, String> {
        let question = json!({
            "kind": "ImageReview",
            "apiVersion": API_VERSION,
            "metadata": {"creationTimestamp": null},
            "spec": spec,
            "status": {"allowed": false},
        });
        let mut answer = self.ask(&question).await?;
        let version = answer.get("apiVersion").and_then(Value::as_str).unwrap_or_default();
        if version != API_VERSION {
            return Err(format!("expected webhook response of {API_VERSION}, got {version:?}"));
        }
        let status = answer.get_mut("status").map(Value::take).unwrap_or_default();
        serde_json::from_value(status).map_err(|error| error.to_string())
    }
}
