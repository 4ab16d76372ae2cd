//! `PodResizeValidator`: a pod is not resized beyond its node.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apis_pod::resources::PodTotals;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    core::v1::{Node, Pod},
    meta::v1::StatusCause,
};

use crate::{is_pods, pod_ref};

/// The plugin `PodResizeValidator`.
#[derive(Debug)]
pub struct PodResizeValidator {
    enabled: bool,
    nodes: Arc<dyn Lookup<Node>>,
}

impl PodResizeValidator {
    /// A plugin that finds nodes there.
    #[must_use]
    pub fn new(gates: &FeatureGates, nodes: Arc<dyn Lookup<Node>>) -> Self {
        Self {
            enabled: gates.enabled(Feature::InPlacePodVerticalScaling),
            nodes,
        }
    }
}

/// What the node has too little of.
fn shortage(pod: &Pod, node: &Node) -> Option<String> {
    let totals = PodTotals {
        pod_level: true,
        ..PodTotals::default()
    };
    let requests = totals.requests(pod);
    let short = |name: &str| {
        let requested = requests.get(name).cloned().unwrap_or_default();
        let allocatable = node.status.allocatable.get(name).cloned().unwrap_or_default();
        (requested > allocatable).then_some((requested, allocatable))
    };
    let mut parts = Vec::new();
    if let Some((requested, allocatable)) = short("cpu") {
        let (requested, allocatable) = (requested.milli_value(), allocatable.milli_value());
        parts.push(format!("cpu, requested: {requested}, allocatable: {allocatable}"));
    }
    if let Some((requested, allocatable)) = short("memory") {
        let (requested, allocatable) = (requested.value(), allocatable.value());
        parts.push(format!("memory, requested: {requested}, allocatable: {allocatable}"));
    }
    (!parts.is_empty()).then(|| format!("node didn't have enough allocatable resources: {}", parts.join("; ")))
}

#[async_trait]
impl Plugin for PodResizeValidator {
    fn name(&self) -> &'static str {
        "PodResizeValidator"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && is_pods(group, resource)
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if attributes.subresource != "resize" {
            return Ok(());
        }
        let pod = pod_ref(object)?;
        let name = &pod.spec.node_name;
        let unchanged = attributes
            .old_as::<Pod>()
            .is_some_and(|old| old.metadata.generation == pod.metadata.generation);
        if name.is_empty() || unchanged {
            return Ok(());
        }
        let Some(node) = self.nodes.get("", name) else {
            return Err(attributes.forbidden(object, format!("node {name:?} not found")));
        };
        let refuse = |reason: String, cause: &str| {
            let status = attributes.forbidden(object, reason);
            status.map_details(|details| {
                details.causes.push(StatusCause {
                    reason: cause.to_owned(),
                    ..StatusCause::default()
                });
            })
        };
        let os = node.metadata.labels.get("kubernetes.io/os").filter(|os| *os != "linux");
        if let Some(os) = os {
            let reason = format!("pod resize is only supported on linux nodes, node {name:?} is {os:?}");
            return Err(refuse(reason, "UnsupportedPlatform"));
        }
        match shortage(pod, &node) {
            Some(reason) => Err(refuse(reason, "NodeCapacity")),
            None => Ok(()),
        }
    }
}
