//! Which nodes are for a set's pod: by name, affinity and taints, as the scheduler would judge.

use std::sync::Arc;

use k8s_api::apps::v1::DaemonSet;
use k8s_api::core::v1::{Node, Pod, Toleration};
use scheduler_framework::node_selector::RequiredNodeAffinity;
use scheduler_framework::taints::untolerated;

use super::template::add_tolerations;

/// A node, and what it means for a set.
#[derive(Clone)]
pub(super) struct NodeFit {
    pub(super) node: Arc<Node>,
    /// A pod is to run there.
    pub(super) runs: bool,
    /// A pod that runs there may go on.
    pub(super) keeps: bool,
}

/// What a set asks of nodes.
pub(super) struct Rules {
    node_name: String,
    affinity: Option<RequiredNodeAffinity>,
    tolerations: Vec<Toleration>,
    comparison: bool,
}

impl Rules {
    pub(super) fn of(set: &DaemonSet, comparison: bool) -> Self {
        let pod = Pod {
            spec: set.spec.template.spec.clone(),
            ..Pod::default()
        };
        let affinity = RequiredNodeAffinity::of(&pod);
        let mut spec = pod.spec;
        add_tolerations(&mut spec);
        Self {
            node_name: spec.node_name,
            affinity,
            tolerations: spec.tolerations,
            comparison,
        }
    }

    pub(super) fn judge(&self, node: Arc<Node>) -> NodeFit {
        let fits = (self.node_name.is_empty() || self.node_name == node.metadata.name)
            && self.affinity.as_ref().is_none_or(|affinity| affinity.matches(&node));
        let keeps_off = |effects: &[&str]| {
            let taints: Vec<_> = node
                .spec
                .taints
                .iter()
                .filter(|taint| effects.contains(&taint.effect.as_str()))
                .cloned()
                .collect();
            untolerated(&taints, &self.tolerations, self.comparison).is_some()
        };
        NodeFit {
            runs: fits && !keeps_off(&["NoSchedule", "NoExecute"]),
            keeps: fits && !keeps_off(&["NoExecute"]),
            node,
        }
    }
}
