//! `ImagePolicyWebhook`: a remote service says which images may run.
//!
//! The connection and its retries are the [`ImageReviewer`]'s; here are the question, the cache of answers,
//! and what a failure means. A pod that passes because the service is away is noted in the audit event only:
//! upstream also annotates the pod, which at this point of the chain nobody else may change any more.

mod cache;
mod config;

use std::{collections::BTreeMap, fmt::Debug, sync::Arc, time::Instant};

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{is_pods, pod_ref};
use cache::Answers;
pub use config::{ImagePolicyConfiguration, ImagePolicyError};

/// Prefix of the audit annotations.
const AUDIT_PREFIX: &str = "imagepolicywebhook.image-policy.k8s.io/";

/// What is asked (`ImageReview.spec` of `imagepolicy.k8s.io/v1alpha1`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageReviewSpec {
    /// The images of the pod's containers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub containers: Vec<ImageReviewContainer>,
    /// Annotations of the pod that are for the service.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// The pod's namespace.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub namespace: String,
}

/// One container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ImageReviewContainer {
    /// Its image.
    pub image: String,
}

/// What the service answers (`ImageReview.status`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageReviewStatus {
    /// All images may run.
    pub allowed: bool,
    /// Why not.
    pub reason: String,
    /// What the audit event is to hold.
    pub audit_annotations: BTreeMap<String, String>,
}

/// Sends one review and returns the answer.
#[async_trait]
pub trait ImageReviewer: Send + Sync + Debug + 'static {
    /// Asks the service, with retries.
    ///
    /// # Errors
    /// It did not answer, or not with a review.
    async fn review(&self, spec: &ImageReviewSpec) -> Result<ImageReviewStatus, String>;
}

/// The plugin `ImagePolicyWebhook`.
#[derive(Debug)]
pub struct ImagePolicyWebhook {
    reviewer: Arc<dyn ImageReviewer>,
    answers: Answers,
    default_allow: bool,
}

impl ImagePolicyWebhook {
    /// A plugin that asks this reviewer.
    #[must_use]
    pub fn new(configuration: &ImagePolicyConfiguration, reviewer: Arc<dyn ImageReviewer>) -> Self {
        Self {
            reviewer,
            answers: Answers::new(configuration.allow_ttl, configuration.deny_ttl),
            default_allow: configuration.default_allow,
        }
    }

    /// The service's answer; `None` if it is away and that counts as yes.
    async fn ask(
        &self,
        attributes: &Attributes<'_>,
        spec: &ImageReviewSpec,
    ) -> Result<Option<ImageReviewStatus>, String> {
        let key = serde_json::to_string(spec).map_err(|error| error.to_string())?;
        if let Some(known) = self.answers.get(&key, Instant::now()) {
            return Ok(Some(known));
        }
        match self.reviewer.review(spec).await {
            Ok(status) => {
                self.answers.put(key, status.clone(), Instant::now());
                Ok(Some(status))
            }
            Err(_) if self.default_allow => {
                attributes
                    .request
                    .annotate(format!("{AUDIT_PREFIX}failed-open"), "true");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Plugin for ImagePolicyWebhook {
    fn name(&self) -> &'static str {
        "ImagePolicyWebhook"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !matches!(attributes.subresource, "" | "ephemeralcontainers") {
            return Ok(());
        }
        let pod = pod_ref(object)?;
        let images: Vec<&String> = if attributes.subresource.is_empty() {
            let containers = pod.spec.containers.iter().chain(&pod.spec.init_containers);
            containers.map(|container| &container.image).collect()
        } else {
            pod.spec
                .ephemeral_containers
                .iter()
                .map(|container| &container.image)
                .collect()
        };
        let annotations = pod.metadata.annotations.iter();
        let spec = ImageReviewSpec {
            containers: images
                .into_iter()
                .map(|image| ImageReviewContainer { image: image.clone() })
                .collect(),
            annotations: annotations
                .filter(|(key, _)| key.contains(".image-policy.k8s.io/"))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            namespace: attributes.namespace.to_owned(),
        };
        let answer = self.ask(attributes, &spec).await;
        let Some(status) = answer.map_err(|error| attributes.forbidden(object, error))? else {
            return Ok(());
        };
        for (key, value) in &status.audit_annotations {
            attributes
                .request
                .annotate(format!("{AUDIT_PREFIX}{key}"), value.as_str());
        }
        if status.allowed {
            return Ok(());
        }
        Err(attributes.forbidden(
            object,
            match status.reason.as_str() {
                "" => "one or more images rejected by webhook backend".to_owned(),
                reason => format!("image policy webhook backend denied one or more images: {reason}"),
            },
        ))
    }
}
