//! One constraint, compiled.

use std::collections::BTreeSet;
use std::sync::Arc;

use apimachinery::selectors::Selector;
use k8s_api::Map;
use k8s_api::core::v1::TopologySpreadConstraint;
use scheduler_framework::node_info::NodeInfo;
use scheduler_framework::pod_counts::{NodeCounts, PodQuery, PodTerm};
use scheduler_framework::topology::Topology;
use scheduler_framework::{PodInfo, Snapshot, taints};

/// A constraint.
#[derive(Clone, Debug)]
pub(super) struct Constraint {
    pub(super) max_skew: i64,
    pub(super) topology_key: Arc<str>,
    pub(super) selector: Arc<Selector>,
    pub(super) min_domains: usize,
    pub(super) honor_affinity: bool,
    pub(super) honor_taints: bool,
}

impl Constraint {
    pub(super) fn new(
        constraint: &TopologySpreadConstraint,
        labels: &Map<String>,
        match_label_keys: bool,
    ) -> Result<Self, String> {
        let mut selector =
            Selector::from_api(constraint.label_selector.as_deref()).map_err(|error| error.to_string())?;
        if match_label_keys && !selector.is_nothing() {
            let keys = constraint.match_label_keys.iter();
            let matched: Map<String> = keys
                .filter_map(|key| Some((key.clone(), labels.get(key)?.clone())))
                .collect();
            if !matched.is_empty() {
                let requirements = selector.requirements().unwrap_or_default().to_vec();
                selector = Selector::from_labels(&matched).and(requirements);
            }
        }
        Ok(Self {
            max_skew: i64::from(constraint.max_skew),
            topology_key: constraint.topology_key.as_str().into(),
            selector: Arc::new(selector),
            min_domains: usize::try_from(constraint.min_domains.unwrap_or(1)).unwrap_or(0),
            honor_affinity: constraint.node_affinity_policy.as_deref() != Some("Ignore"),
            honor_taints: constraint.node_taints_policy.as_deref() == Some("Honor"),
        })
    }

    /// Whether a node counts, as far as the pod's affinity and tolerations are concerned.
    pub(super) fn counts_node(&self, pod: &PodInfo, node: &NodeInfo, comparison: bool) -> bool {
        if self.honor_affinity
            && let Some(required) = &pod.required_node_affinity
            && !required.matches(&node.node)
        {
            return false;
        }
        !self.honor_taints
            || taints::untolerated(&node.node.spec.taints, &pod.pod.spec.tolerations, comparison).is_none()
    }

    /// How many pods on each node it counts. An empty selector counts none.
    pub(super) fn pods(&self, pod: &PodInfo, snapshot: &Snapshot) -> Arc<NodeCounts> {
        if self.selector.is_everything() {
            return Arc::default();
        }
        snapshot.count_pods(&PodQuery {
            terms: vec![PodTerm {
                namespaces: Some(Arc::new(BTreeSet::from([pod.namespace().to_owned()]))),
                selector: self.selector.clone(),
            }],
            terminating: false,
        })
    }
}

/// Whether a node is in some part of every constraint's topology.
pub(super) fn has_all(topologies: &[Arc<Topology>], node: &NodeInfo) -> bool {
    topologies.iter().all(|topology| topology.domain(node).is_some())
}
