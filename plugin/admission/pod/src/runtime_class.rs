//! `RuntimeClass`: a pod gets its runtime class's overhead, and runs where the class is supported.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::{AnyObject, ObjectBox},
};
use async_trait::async_trait;
use k8s_api::{core::v1::Pod, node::v1::RuntimeClass};

use crate::{is_pods, pod_mut, pod_ref, tolerations::merge};

const MISMATCH: &str = "pod rejected: Pod's Overhead doesn't match RuntimeClass's defined Overhead";

/// The plugin `RuntimeClass`.
#[derive(Debug)]
pub struct RuntimeClassAdmission(Arc<dyn Lookup<RuntimeClass>>);

impl RuntimeClassAdmission {
    /// A plugin that finds classes there.
    #[must_use]
    pub fn new(classes: Arc<dyn Lookup<RuntimeClass>>) -> Self {
        Self(classes)
    }

    async fn class(&self, attributes: &Attributes<'_>, pod: &Pod) -> Result<Option<Arc<RuntimeClass>>, StatusError> {
        let Some(name) = &pod.spec.runtime_class_name else {
            return Ok(None);
        };
        match self.0.find("", name).await? {
            Some(class) => Ok(Some(class)),
            None => Err(attributes.forbidden(Some(pod), format!("pod rejected: RuntimeClass {name:?} not found"))),
        }
    }
}

#[async_trait]
impl Plugin for RuntimeClassAdmission {
    fn name(&self) -> &'static str {
        "RuntimeClass"
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
        let Some(class) = self.class(attributes, pod).await? else {
            return Ok(());
        };
        if let Some(overhead) = &class.overhead {
            if !pod.spec.overhead.is_empty() && pod.spec.overhead != overhead.pod_fixed {
                return Err(attributes.forbidden(Some(pod), MISMATCH));
            }
            pod.spec.overhead.clone_from(&overhead.pod_fixed);
        }
        let Some(scheduling) = &class.scheduling else {
            return Ok(());
        };
        for (key, value) in &scheduling.node_selector {
            if let Some(own) = pod.spec.node_selector.get(key).filter(|own| *own != value) {
                let reason = format!(
                    "conflict: runtimeClass.scheduling.nodeSelector[{key}] = {value}; pod.spec.nodeSelector[{key}] = {own}"
                );
                return Err(attributes.forbidden(Some(pod), reason));
            }
        }
        let selector = scheduling.node_selector.iter();
        pod.spec
            .node_selector
            .extend(selector.map(|(key, value)| (key.clone(), value.clone())));
        pod.spec.tolerations = merge(&pod.spec.tolerations, &scheduling.tolerations);
        Ok(())
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !attributes.subresource.is_empty() {
            return Ok(());
        }
        let pod = pod_ref(object)?;
        let class = self.class(attributes, pod).await?;
        match class.as_ref().and_then(|class| class.overhead.as_ref()) {
            Some(overhead) if overhead.pod_fixed != pod.spec.overhead => Err(attributes.forbidden(object, MISMATCH)),
            None if !pod.spec.overhead.is_empty() => Err(attributes.forbidden(
                object,
                "pod rejected: Pod Overhead set without corresponding RuntimeClass defined Overhead",
            )),
            _ => Ok(()),
        }
    }
}
