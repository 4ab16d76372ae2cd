//! `PodTolerationRestriction`: what a namespace's pods tolerate by default, and at most.

use std::sync::Arc;

use apimachinery::{field::Path, status::StatusError};
use apis_pod::{
    pod::{PodValidationOptions, validation},
    resources,
};
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin, plain_error},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use component_base::{
    config::{DecodeError, from_slice_of_kind},
    feature_gates::FeatureGates,
};
use k8s_api::core::v1::{Namespace, Pod, PodSpec, Toleration};
use serde::Deserialize;

use crate::{
    is_pods, pod_mut, pod_ref,
    tolerations::{are_allowed, exists, merge},
};

const DEFAULTS: &str = "scheduler.alpha.kubernetes.io/defaultTolerations";
const ALLOWED: &str = "scheduler.alpha.kubernetes.io/tolerationsWhitelist";
const MEMORY_PRESSURE: &str = "node.kubernetes.io/memory-pressure";
const KINDS: &[(&str, &str)] = &[("podtolerationrestriction.admission.k8s.io/v1alpha1", "Configuration")];

/// The cluster's default and allowed tolerations, for namespaces that say nothing themselves.
#[derive(Clone, Debug, Default)]
pub struct TolerationConfiguration {
    /// Tolerations that pods get.
    pub default: Vec<Toleration>,
    /// Tolerations that pods may have; empty for all.
    pub allowed: Vec<Toleration>,
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TolerationConfigurationError {
    /// It is no such configuration.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its tolerations make no sense.
    #[error("invalid config: {0}")]
    Invalid(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Document {
    #[serde(default)]
    default: serde_json::Value,
    #[serde(default)]
    whitelist: serde_json::Value,
}

/// Reads a list of tolerations as a pod has them.
fn tolerations(value: serde_json::Value) -> Result<Vec<Toleration>, String> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    let pod = serde_json::json!({"spec": {"containers": [], "tolerations": value}});
    let pod = <Pod as k8s_api::Kind>::from_value(pod).map_err(|error| error.to_string())?;
    Ok(pod.spec.tolerations)
}

impl TolerationConfiguration {
    /// Reads and checks a configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, TolerationConfigurationError> {
        let document: Document = from_slice_of_kind(bytes, KINDS)?;
        let read = |value| tolerations(value).map_err(TolerationConfigurationError::Invalid);
        let configuration = Self {
            default: read(document.default)?,
            allowed: read(document.whitelist)?,
        };
        let path = Path::new("podtolerationrestriction");
        let check = |tolerations, name| {
            validation::validate_tolerations(tolerations, &PodValidationOptions::default(), &path.child(name))
        };
        let mut errors = check(&configuration.default, "default");
        errors.append(check(&configuration.allowed, "whitelist"));
        if errors.is_empty() {
            Ok(configuration)
        } else {
            let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
            Err(TolerationConfigurationError::Invalid(format!("[{}]", texts.join(", "))))
        }
    }
}

/// The plugin `PodTolerationRestriction`.
#[derive(Debug)]
pub struct PodTolerationRestriction {
    configuration: TolerationConfiguration,
    gates: Arc<FeatureGates>,
    namespaces: Arc<dyn Lookup<Namespace>>,
}

impl PodTolerationRestriction {
    /// A plugin with this configuration.
    #[must_use]
    pub fn new(
        configuration: TolerationConfiguration,
        gates: Arc<FeatureGates>,
        namespaces: Arc<dyn Lookup<Namespace>>,
    ) -> Self {
        Self {
            configuration,
            gates,
            namespaces,
        }
    }

    /// The tolerations in a namespace's annotation; `None` if it does not have it.
    async fn annotated(&self, namespace: &str, key: &str) -> Result<Option<Vec<Toleration>>, StatusError> {
        let found = self.namespaces.find("", namespace).await?;
        let found = found.ok_or_else(|| {
            StatusError::not_found(apimachinery::status::GroupResource::new("", "namespaces"), namespace)
        })?;
        match found.metadata.annotations.get(key).map(String::as_str) {
            None => Ok(None),
            Some("") => Ok(Some(Vec::new())),
            Some(text) => {
                let value = serde_json::from_str(text).map_err(|error| plain_error(error.to_string()))?;
                tolerations(value).map(Some).map_err(plain_error)
            }
        }
    }

    async fn judge(&self, namespace: &str, spec: &PodSpec) -> Result<(), StatusError> {
        if spec.tolerations.is_empty() {
            return Ok(());
        }
        let own = self.annotated(namespace, ALLOWED).await?;
        let (allowed, scope) = match &own {
            Some(own) => (own, "namespace"),
            None => (&self.configuration.allowed, "cluster"),
        };
        if are_allowed(&spec.tolerations, allowed) {
            return Ok(());
        }
        Err(plain_error(format!(
            "pod tolerations (possibly merged with namespace default tolerations) conflict with its {scope} whitelist"
        )))
    }
}

#[async_trait]
impl Plugin for PodTolerationRestriction {
    fn name(&self) -> &'static str {
        "PodTolerationRestriction"
    }

    fn handles(&self, operation: Operation) -> bool {
        matches!(operation, Operation::Create | Operation::Update)
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let pod = pod_mut(object)?;
        let mut extra = Vec::new();
        if attributes.operation == Operation::Create {
            let own = self.annotated(attributes.namespace, DEFAULTS).await?;
            extra = own.unwrap_or_else(|| self.configuration.default.clone());
        }
        if resources::qos_class(pod, &self.gates) != "BestEffort" {
            extra.push(exists(MEMORY_PRESSURE, "NoSchedule", None));
        }
        if !extra.is_empty() {
            pod.spec.tolerations = merge(&pod.spec.tolerations, &extra);
        }
        self.judge(attributes.namespace, &pod.spec).await
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        self.judge(attributes.namespace, &pod_ref(object)?.spec).await
    }
}
