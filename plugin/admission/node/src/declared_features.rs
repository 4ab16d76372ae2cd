//! `NodeDeclaredFeatureValidator`: a pod on a node changes only in ways that the node declares to know.

use std::sync::Arc;

use apimachinery::status::StatusError;
use apiserver::{
    admission::{Attributes, Lookup, Operation, Plugin},
    registry::AnyObject,
};
use async_trait::async_trait;
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::core::v1::{Node, Pod, PodSpec};

/// A feature that nodes declare, and whether a change of a pod needs it.
struct DeclaredFeature {
    name: &'static str,
    needed_by: fn(&PodSpec, &PodSpec) -> bool,
}

const FEATURES: [DeclaredFeature; 2] = [
    DeclaredFeature {
        name: "InPlacePodLevelResourcesVerticalScaling",
        needed_by: |old, new| old.resources != new.resources,
    },
    DeclaredFeature {
        name: "InPlacePodVerticalScalingInitContainers",
        needed_by: |old, new| {
            let pairs = old.init_containers.iter().zip(&new.init_containers);
            pairs
                .filter(|(old, _)| old.restart_policy.as_deref() != Some("Always"))
                .any(|(old, new)| old.resources != new.resources)
        },
    },
];

/// The plugin `NodeDeclaredFeatureValidator`.
#[derive(Debug)]
pub struct NodeDeclaredFeatureValidator {
    enabled: bool,
    nodes: Arc<dyn Lookup<Node>>,
}

impl NodeDeclaredFeatureValidator {
    /// A plugin that finds nodes there.
    #[must_use]
    pub fn new(gates: &FeatureGates, nodes: Arc<dyn Lookup<Node>>) -> Self {
        Self {
            enabled: gates.enabled(Feature::NodeDeclaredFeatures),
            nodes,
        }
    }
}

#[async_trait]
impl Plugin for NodeDeclaredFeatureValidator {
    fn name(&self) -> &'static str {
        "NodeDeclaredFeatureValidator"
    }

    fn handles(&self, operation: Operation) -> bool {
        operation == Operation::Update
    }

    fn concerns(&self, group: &str, resource: &str) -> bool {
        self.enabled && group.is_empty() && resource == "pods"
    }

    fn mutates(&self) -> bool {
        false
    }

    async fn validate(&self, attributes: &Attributes<'_>, object: Option<&dyn AnyObject>) -> Result<(), StatusError> {
        if !matches!(attributes.subresource, "" | "resize") {
            return Ok(());
        }
        let new = object.and_then(|object| object.downcast_ref::<Pod>());
        let (Some(new), Some(old)) = (new, attributes.old_as::<Pod>()) else {
            return Err(StatusError::bad_request("expected a pod"));
        };
        let node = &new.spec.node_name;
        if node.is_empty() || old.metadata.generation == new.metadata.generation {
            return Ok(());
        }
        let needed: Vec<&str> = FEATURES
            .iter()
            .filter(|feature| (feature.needed_by)(&old.spec, &new.spec))
            .map(|feature| feature.name)
            .collect();
        if needed.is_empty() {
            return Ok(());
        }
        let Some(found) = self.nodes.get("", node) else {
            return Err(attributes.forbidden(object, format!("node {node:?} not found")));
        };
        let declared = &found.status.declared_features;
        let missing: Vec<&str> = needed
            .into_iter()
            .filter(|name| !declared.iter().any(|feature| feature == name))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let missing = missing.join(", ");
        let reason = format!("pod update requires features {missing} which are not available on node {node:?}");
        Err(attributes.forbidden(object, reason))
    }
}
