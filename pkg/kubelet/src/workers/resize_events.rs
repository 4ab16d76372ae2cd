//! What events say of other resources for a pod that runs.

use k8s_api::core::v1::{Container, Pod, ResourceRequirements};
use kubelet_types::seams::{EventType, pod_reference};
use serde_json::{Map, Value};

use super::Shared;

/// How far the change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Deferred,
    Infeasible,
    Started,
    Completed,
    Error,
}

impl Stage {
    const fn words(self) -> (EventType, &'static str, &'static str) {
        match self {
            Self::Deferred => (EventType::Warning, "ResizeDeferred", "Pod resize Deferred"),
            Self::Infeasible => (EventType::Warning, "ResizeInfeasible", "Pod resize Infeasible"),
            Self::Started => (EventType::Normal, "ResizeStarted", "Pod resize started"),
            Self::Completed => (EventType::Normal, "ResizeCompleted", "Pod resize completed"),
            Self::Error => (EventType::Warning, "ResizeError", "Pod resize error"),
        }
    }
}

fn resources(of: &ResourceRequirements) -> Value {
    let side = |amounts: &k8s_api::Map<k8s_api::primitives::Quantity>| -> Value {
        let amounts = amounts
            .iter()
            .map(|(name, amount)| (name.clone(), amount.to_string().into()));
        Value::Object(amounts.collect())
    };
    let mut shown = Map::new();
    for (name, amounts) in [("limits", &of.limits), ("requests", &of.requests)] {
        if !amounts.is_empty() {
            shown.insert(name.to_owned(), side(amounts));
        }
    }
    Value::Object(shown)
}

/// The resources of a pod's containers as JSON, in the order in which upstream has them.
fn summary(pod: &Pod, error: &str) -> String {
    let list = |containers: &[Container]| -> String {
        let each = containers.iter().map(|container| {
            let (name, resources) = (Value::from(container.name.as_str()), resources(&container.resources));
            format!(r#"{{"name":{name},"resources":{resources}}}"#)
        });
        each.collect::<Vec<_>>().join(",")
    };
    let mut parts = Vec::new();
    for (name, containers) in [
        ("initContainers", &pod.spec.init_containers),
        ("containers", &pod.spec.containers),
    ] {
        if !containers.is_empty() {
            parts.push(format!(r#""{name}":[{}]"#, list(containers)));
        }
    }
    parts.push(format!(r#""generation":{}"#, pod.metadata.generation));
    if !error.is_empty() {
        parts.push(format!(r#""error":{}"#, Value::from(error)));
    }
    format!("{{{}}}", parts.join(","))
}

impl Shared {
    pub(super) fn tell_resize(&self, pod: &Pod, stage: Stage, error: &str) {
        let (kind, reason, words) = stage.words();
        let message = format!("{words}: {}", summary(pod, error));
        self.parts.recorder.event(&pod_reference(pod), kind, reason, &message);
    }
}
