//! `PodTopologyLabels`: a pod carries the zone and region of its node.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin, plain_error},
    registry::ObjectBox,
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::{
    Map,
    core::v1::{Binding, Node, Pod},
};

use crate::is_pods;

const LABELS: [&str; 2] = ["topology.kubernetes.io/region", "topology.kubernetes.io/zone"];

/// The plugin `PodTopologyLabels`.
#[derive(Debug)]
pub struct PodTopologyLabels {
    enabled: bool,
    nodes: Arc<dyn Lookup<Node>>,
}

impl PodTopologyLabels {
    /// A plugin that finds nodes there.
    #[must_use]
    pub fn new(gates: &FeatureGates, nodes: Arc<dyn Lookup<Node>>) -> Self {
        Self {
            enabled: gates.enabled(Feature::PodTopologyLabelsAdmission),
            nodes,
        }
    }

    fn copy(&self, node: &str, labels: &mut Map<String>) {
        if node.is_empty() {
            return;
        }
        let Some(node) = self.nodes.get("", node) else { return };
        for label in LABELS {
            if let Some(value) = node.metadata.labels.get(label) {
                labels.insert(label, value.clone());
            }
        }
    }
}

#[async_trait]
impl Plugin for PodTopologyLabels {
    fn name(&self) -> &'static str {
        "PodTopologyLabels"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Create
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && is_pods(group, resource)
    }

    fn validates(&self) -> bool {
        false
    }

    async fn admit(&self, attributes: &Attributes<'_>, object: Option<&mut ObjectBox>) -> Result<(), StatusError> {
        let Some(object) = object else { return Ok(()) };
        match attributes.subresource {
            "" => {
                let pod = object.as_mut().downcast_mut::<Pod>();
                let pod = pod.ok_or_else(|| plain_error("expected Pod"))?;
                self.copy(&pod.spec.node_name, &mut pod.metadata.labels);
            }
            "binding" => {
                let binding = object.as_mut().downcast_mut::<Binding>();
                let binding =
                    binding.ok_or_else(|| plain_error(format!("expected Binding but got {}", attributes.kind.name)))?;
                if binding.target.kind == "Node" {
                    self.copy(&binding.target.name, &mut binding.metadata.labels);
                }
            }
            _ => {}
        }
        Ok(())
    }
}
