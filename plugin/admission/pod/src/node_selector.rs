//! `PodNodeSelector`: a namespace's pods run only on its nodes.

use std::{collections::BTreeMap, sync::Arc};

use apimachinery::{names, status::StatusError};
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin, plain_error},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use component_base::config::{DecodeError, from_slice};
use k8s_api::{
    Map,
    core::v1::{Namespace, Pod},
};
use serde::Deserialize;

use crate::{is_pods, pod_mut, pod_ref};

/// The annotation of a namespace that holds the selector of its nodes.
const ANNOTATION: &str = "scheduler.alpha.kubernetes.io/node-selector";
/// The key of the configuration that is for namespaces without the annotation.
const CLUSTER_DEFAULT: &str = "clusterDefaultNodeSelector";

/// The plugin's configuration: selectors by namespace, and the cluster's default.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct PodNodeSelectorConfiguration {
    /// `clusterDefaultNodeSelector`, and by namespace the labels that its pods may select nodes by.
    #[serde(rename = "podNodeSelectorPluginConfig", default)]
    pub selectors: BTreeMap<String, String>,
}

impl PodNodeSelectorConfiguration {
    /// Reads a configuration.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, DecodeError> {
        from_slice(bytes)
    }
}

/// The plugin `PodNodeSelector`.
#[derive(Debug)]
pub struct PodNodeSelector {
    configuration: PodNodeSelectorConfiguration,
    namespaces: Arc<dyn Lookup<Namespace>>,
}

/// Reads `key=value,...` into labels.
fn labels(text: &str) -> Result<Map<String>, StatusError> {
    let mut labels = Map::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        let pair = part.split_once('=').filter(|(_, value)| !value.contains('='));
        let (key, value) =
            pair.ok_or_else(|| plain_error(format!("invalid selector: [{}]", text.replace(',', " "))))?;
        let (key, value) = (key.trim(), value.trim());
        for (what, messages) in [
            ("label key", names::qualified_name(key)),
            ("label value", names::label_value(value)),
        ] {
            if !messages.is_empty() {
                let shown = if what == "label key" { key } else { value };
                return Err(plain_error(format!(
                    "invalid {what} {shown:?}: {}",
                    messages.join("; ")
                )));
            }
        }
        labels.insert(key, value.to_owned());
    }
    Ok(labels)
}

fn conflict(a: &Map<String>, b: &Map<String>) -> bool {
    a.iter()
        .any(|(key, value)| b.get(key).is_some_and(|other| other != value))
}

impl PodNodeSelector {
    /// A plugin with this configuration.
    #[must_use]
    pub fn new(configuration: PodNodeSelectorConfiguration, namespaces: Arc<dyn Lookup<Namespace>>) -> Self {
        Self {
            configuration,
            namespaces,
        }
    }

    /// The labels that the namespace's nodes have.
    async fn selector(&self, namespace: &str) -> Result<Map<String>, StatusError> {
        let found = self.namespaces.find("", namespace).await?;
        let found =
            found.ok_or_else(|| StatusError::internal_error(format!("namespace {namespace} does not exist")))?;
        let default = self
            .configuration
            .selectors
            .get(CLUSTER_DEFAULT)
            .map_or("", String::as_str);
        labels(
            found
                .metadata
                .annotations
                .get(ANNOTATION)
                .map_or(default, String::as_str),
        )
    }

    fn refuse(attributes: &Attributes<'_>, pod: &Pod, reason: &str) -> StatusError {
        StatusError::forbidden(attributes.group_resource(), &pod.metadata.name, reason)
    }

    async fn judge(&self, attributes: &Attributes<'_>, pod: &Pod) -> Result<(), StatusError> {
        let selector = self.selector(attributes.namespace).await?;
        if conflict(&selector, &pod.spec.node_selector) {
            let reason = "pod node label selector conflicts with its namespace node label selector";
            return Err(Self::refuse(attributes, pod, reason));
        }
        let allowed = self.configuration.selectors.get(attributes.namespace);
        let allowed = labels(allowed.map_or("", String::as_str))?;
        let mut own = pod.spec.node_selector.iter();
        if !allowed.is_empty() && !own.all(|(key, value)| allowed.get(key) == Some(value)) {
            let reason = "pod node label selector labels conflict with its namespace whitelist";
            return Err(Self::refuse(attributes, pod, reason));
        }
        Ok(())
    }
}

#[async_trait]
impl Plugin for PodNodeSelector {
    fn name(&self) -> &'static str {
        "PodNodeSelector"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        is_pods(group, resource)
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let pod = pod_mut(object)?;
        let selector = self.selector(attributes.namespace).await?;
        if conflict(&selector, &pod.spec.node_selector) {
            let reason = "pod node label selector conflicts with its namespace node label selector";
            return Err(Self::refuse(attributes, pod, reason));
        }
        pod.spec.node_selector.extend(selector);
        self.judge(attributes, pod).await
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        self.judge(attributes, pod_ref(object)?).await
    }
}
