//! Where the pods are that have terms about other pods, by their terms.
//!
//! Pods of one workload have the same terms. What these come to for a pod is worked out once for all of them, and only the
//! nodes of those that mean the pod are gone through.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::affinity::PodAffinities;
use crate::node_info::NodeInfo;

/// Pods with the same terms about other pods.
#[derive(Debug)]
pub struct AffinityGroup {
    terms: Arc<PodAffinities>,
    pods_by_slot: BTreeMap<u32, u32>,
}

impl AffinityGroup {
    /// The terms.
    #[must_use]
    pub fn terms(&self) -> &PodAffinities {
        &self.terms
    }

    /// The slots of the nodes with such pods, and how many there are on each.
    pub fn nodes(&self) -> impl Iterator<Item = (u32, u32)> {
        self.pods_by_slot.iter().map(|(slot, pods)| (*slot, *pods))
    }
}

/// All pods on nodes that have terms about other pods.
#[derive(Default)]
pub(crate) struct AffinityGroups {
    /// By the address of the terms: equal terms are shared.
    groups: HashMap<usize, AffinityGroup>,
}

impl AffinityGroups {
    /// Takes in how a node has changed.
    pub(crate) fn account(&mut self, slot: u32, before: Option<&NodeInfo>, after: Option<&NodeInfo>) {
        let terms = |node: Option<&NodeInfo>| -> Vec<Arc<PodAffinities>> {
            let pods = node.into_iter().flat_map(|node| &node.pods_with_affinity);
            pods.filter_map(|pod| pod.affinities.clone()).collect()
        };
        for terms in terms(after) {
            let group = self.groups.entry(Arc::as_ptr(&terms).addr());
            let group = group.or_insert_with(|| AffinityGroup {
                terms,
                pods_by_slot: BTreeMap::new(),
            });
            *group.pods_by_slot.entry(slot).or_default() += 1;
        }
        for terms in terms(before) {
            let address = Arc::as_ptr(&terms).addr();
            let Some(group) = self.groups.get_mut(&address) else {
                continue;
            };
            if let Some(pods) = group.pods_by_slot.get_mut(&slot) {
                *pods -= 1;
                if *pods == 0 {
                    group.pods_by_slot.remove(&slot);
                }
            }
            if group.pods_by_slot.is_empty() {
                self.groups.remove(&address);
            }
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &AffinityGroup> {
        self.groups.values()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod_info::{PodInfo, PodOptions};
    use k8s_api::Kind as _;
    use k8s_api::core::v1::Pod;
    use serde_json::json;

    fn pod(uid: &str, app: &str) -> Arc<PodInfo> {
        let term = json!({"topologyKey": "zone", "labelSelector": {"matchLabels": {"app": app}}});
        let pod = Pod::from_value(json!({
            "metadata": {"name": uid, "uid": uid, "namespace": "n"},
            "spec": {"affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}}));
        Arc::new(PodInfo::new(Arc::new(pod.unwrap()), PodOptions::default()))
    }

    #[test]
    fn groups_follow_the_nodes() {
        let mut groups = AffinityGroups::default();
        let places = |groups: &AffinityGroups| {
            let mut all: Vec<Vec<_>> = groups.iter().map(|group| group.nodes().collect()).collect();
            all.sort();
            all
        };
        let empty = NodeInfo::new(3);
        let mut one = empty.clone();
        one.add_pod(pod("1", "a"));
        one.add_pod(pod("2", "a"));
        one.add_pod(pod("3", "b"));
        groups.account(3, Some(&empty), Some(&one));
        assert_eq!(places(&groups), [vec![(3, 1)], vec![(3, 2)]]);
        groups.account(5, None, Some(&one));
        assert_eq!(places(&groups), [vec![(3, 1), (5, 1)], vec![(3, 2), (5, 2)]]);
        let mut fewer = one.clone();
        fewer.remove_pod("1");
        fewer.remove_pod("3");
        groups.account(3, Some(&one), Some(&fewer));
        assert_eq!(places(&groups), [vec![(3, 1), (5, 2)], vec![(5, 1)]]);
        groups.account(5, Some(&one), None);
        groups.account(3, Some(&fewer), Some(&empty));
        assert!(places(&groups).is_empty());
    }
}
