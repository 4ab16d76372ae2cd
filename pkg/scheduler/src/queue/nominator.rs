//! Pods that have a node kept for them.

use std::sync::Arc;

use client_go::cache::Lister;
use imbl::HashMap;
use k8s_api::core::v1::Pod;
use scheduler_framework::PodInfo;
use scheduler_framework::plugin::Nominating;

/// Nominated pods by node. Cheap to clone: a cycle works on a copy.
pub type NominatedPods = HashMap<Arc<str>, Arc<[Arc<PodInfo>]>>;

/// Who is nominated to which node.
#[derive(Default)]
pub(super) struct Nominator {
    pods: Option<Lister<Pod>>,
    by_node: NominatedPods,
    node_of: std::collections::HashMap<String, Arc<str>>,
}

impl Nominator {
    /// With a lister, pods that are gone or have a node are not nominated.
    pub(super) fn new(pods: Option<Lister<Pod>>) -> Self {
        Self {
            pods,
            ..Self::default()
        }
    }

    pub(super) fn snapshot(&self) -> NominatedPods {
        self.by_node.clone()
    }

    pub(super) fn on(&self, node: &str) -> Vec<Arc<PodInfo>> {
        self.by_node.get(node).map(|pods| pods.to_vec()).unwrap_or_default()
    }

    pub(super) fn set(&mut self, info: &Arc<PodInfo>, nominating: &Nominating) {
        self.remove(info.uid());
        let node = match nominating {
            Nominating::Override(node) => node.as_str(),
            Nominating::Keep => info.nominated_node(),
        };
        if node.is_empty() {
            return;
        }
        if let Some(pods) = &self.pods {
            let waits = pods.get(info.namespace(), info.name());
            if !waits.is_some_and(|pod| pod.spec.node_name.is_empty()) {
                return;
            }
        }
        let node: Arc<str> = node.into();
        let mut there = self.on(&node);
        there.push(info.clone());
        self.by_node.insert(node.clone(), there.into());
        self.node_of.insert(info.uid().to_owned(), node);
    }

    /// Takes in what has changed about a pod. A nomination that only the scheduler knows of yet stays.
    pub(super) fn update(&mut self, old: Option<&PodInfo>, new: &Arc<PodInfo>) {
        let told = old.is_some_and(|old| !old.nominated_node().is_empty()) || !new.nominated_node().is_empty();
        let known = self.node_of.get(new.uid()).cloned();
        let nominating = match known.filter(|_| !told) {
            Some(node) => Nominating::Override(node.to_string()),
            None => Nominating::Keep,
        };
        self.set(new, &nominating);
    }

    pub(super) fn remove(&mut self, uid: &str) {
        let Some(node) = self.node_of.remove(uid) else { return };
        let rest: Vec<_> = self.on(&node).into_iter().filter(|pod| pod.uid() != uid).collect();
        if rest.is_empty() {
            self.by_node.remove(&node);
        } else {
            self.by_node.insert(node, rest.into());
        }
    }
}
