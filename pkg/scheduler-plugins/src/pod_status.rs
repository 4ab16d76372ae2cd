//! Writes to the status of pods: a condition, the nominated node.

use client_go::api::Patch;
use client_go::{Client, Error};
use k8s_api::core::v1::{Pod, PodCondition};
use k8s_api::primitives::Time;
use scheduler_framework::plugin::Nominating;
use serde_json::{Map, Value, json};

/// A change of a pod's status; empty if it is so already.
#[derive(Debug, Default)]
pub struct StatusPatch(Map<String, Value>);

impl StatusPatch {
    /// What makes the pod's condition of this type like `condition`, whose times are set here.
    #[must_use]
    pub fn condition(mut self, pod: &Pod, condition: &PodCondition) -> Self {
        let present = pod
            .status
            .conditions
            .iter()
            .find(|present| present.type_ == condition.type_);
        let same = |present: &PodCondition| {
            present.status == condition.status
                && present.reason == condition.reason
                && present.message == condition.message
                && present.observed_generation == condition.observed_generation
        };
        if present.is_some_and(same) {
            return self;
        }
        // The time of a transition changes only with the status.
        let kept = present.filter(|present| present.status == condition.status);
        let transition = kept
            .and_then(|present| present.last_transition_time)
            .unwrap_or_else(Time::now);
        let mut value = json!({
            "type": condition.type_,
            "status": condition.status,
            "reason": condition.reason,
            "message": condition.message,
            "lastTransitionTime": transition.to_string(),
            "lastProbeTime": null,
        });
        if condition.observed_generation != 0 {
            value["observedGeneration"] = condition.observed_generation.into();
        }
        // The order of elements that a strategic merge patch must keep.
        let conditions = pod.status.conditions.iter().map(|present| present.type_.as_str());
        let mut order: Vec<&str> = conditions.collect();
        if present.is_none() {
            order.push(&condition.type_);
        }
        let order: Vec<Value> = order.into_iter().map(|type_| json!({"type": type_})).collect();
        self.0.insert("$setElementOrder/conditions".to_owned(), order.into());
        self.0.insert("conditions".to_owned(), json!([value]));
        self
    }

    /// What makes the pod's nominated node like this.
    #[must_use]
    pub fn nominating(mut self, pod: &Pod, nominating: &Nominating) -> Self {
        if let Nominating::Override(node) = nominating
            && *node != pod.status.nominated_node_name
        {
            let value = if node.is_empty() {
                Value::Null
            } else {
                node.as_str().into()
            };
            self.0.insert("nominatedNodeName".to_owned(), value);
        }
        self
    }

    /// Whether there is nothing to change.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Writes the change.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn send(self, client: &Client, pod: &Pod) -> Result<(), Error> {
        if self.is_empty() {
            return Ok(());
        }
        // The UID guards against another pod of the same name.
        let patch = Patch::Strategic(json!({"metadata": {"uid": pod.metadata.uid}, "status": self.0}));
        let api = client.namespaced::<Pod>(&pod.metadata.namespace);
        api.patch_status(&pod.metadata.name, &patch).await.map(drop)
    }
}
