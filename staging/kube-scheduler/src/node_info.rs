//! A node, the pods on it, and what follows from them.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use k8s_api::core::v1::Node;

use crate::host_ports::UsedPorts;
use crate::pod_info::PodInfo;
use crate::resource::Resource;

/// An image that some nodes have.
#[derive(Debug)]
pub struct ImageState {
    /// Its size in bytes.
    pub size: i64,
    /// How many nodes have it.
    nodes: AtomicU32,
}

impl ImageState {
    /// An image that no node has yet.
    #[must_use]
    pub fn new(size: i64) -> Self {
        Self {
            size,
            nodes: AtomicU32::new(0),
        }
    }

    /// How many nodes have it.
    #[must_use]
    pub fn nodes(&self) -> u32 {
        self.nodes.load(Ordering::Relaxed)
    }

    /// Another node has it.
    pub fn appeared(&self) {
        self.nodes.fetch_add(1, Ordering::Relaxed);
    }

    /// A node has it no more; the number that is left.
    pub fn vanished(&self) -> u32 {
        self.nodes.fetch_sub(1, Ordering::Relaxed).saturating_sub(1)
    }
}

/// The images of a node by name.
pub type ImageStates = HashMap<Arc<str>, Arc<ImageState>>;

/// A node with its pods. Cloned when it changes while a snapshot holds it; everything large in it is shared.
#[derive(Clone, Debug)]
pub struct NodeInfo {
    /// The number that stands for the node as long as it is known.
    pub slot: u32,
    /// The node; an empty one if only its pods are known.
    pub node: Arc<Node>,
    /// Whether the node itself is known.
    pub known: bool,
    /// The pods on it, assumed ones included.
    pub pods: Vec<Arc<PodInfo>>,
    /// Those that have terms about other pods.
    pub pods_with_affinity: Vec<Arc<PodInfo>>,
    /// Those that use claims.
    pub pods_with_claims: Vec<Arc<PodInfo>>,
    /// Those that must not be near other pods.
    pub pods_with_required_anti_affinity: Vec<Arc<PodInfo>>,
    /// The ports that are taken.
    pub used_ports: UsedPorts,
    /// What the pods request.
    pub requested: Resource,
    /// What scoring takes the pods' CPU for, in thousandths.
    pub non_zero_cpu: i64,
    /// What scoring takes the pods' memory for, in bytes.
    pub non_zero_memory: i64,
    /// What the node has for pods.
    pub allocatable: Resource,
    /// The node's images.
    pub images: Arc<ImageStates>,
}

impl AsRef<NodeInfo> for NodeInfo {
    fn as_ref(&self) -> &NodeInfo {
        self
    }
}

impl NodeInfo {
    /// A node of which nothing is known.
    #[must_use]
    pub fn new(slot: u32) -> Self {
        Self {
            slot,
            node: Arc::default(),
            known: false,
            pods: Vec::new(),
            pods_with_affinity: Vec::new(),
            pods_with_claims: Vec::new(),
            pods_with_required_anti_affinity: Vec::new(),
            used_ports: UsedPorts::default(),
            requested: Resource::default(),
            non_zero_cpu: 0,
            non_zero_memory: 0,
            allocatable: Resource::default(),
            images: Arc::default(),
        }
    }

    /// The node's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.node.metadata.name
    }

    /// A label of the node.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.node.metadata.labels.get(key).map(String::as_str)
    }

    /// Sets the node.
    pub fn set_node(&mut self, node: Arc<Node>) {
        self.allocatable = Resource::from_list(&node.status.allocatable);
        self.node = node;
        self.known = true;
    }

    /// Forgets the node; the pods stay until they are told to be gone.
    pub fn remove_node(&mut self) {
        self.node = Arc::default();
        self.allocatable = Resource::default();
        self.images = Arc::default();
        self.known = false;
    }

    /// Adds a pod.
    pub fn add_pod(&mut self, pod: Arc<PodInfo>) {
        self.requested.add(&pod.requests.used);
        self.non_zero_cpu += pod.requests.non_zero_cpu;
        self.non_zero_memory += pod.requests.non_zero_memory;
        self.used_ports.add(&pod.host_ports);
        if let Some(affinities) = &pod.affinities {
            self.pods_with_affinity.push(pod.clone());
            if !affinities.required_anti.is_empty() {
                self.pods_with_required_anti_affinity.push(pod.clone());
            }
        }
        if !pod.claims.is_empty() {
            self.pods_with_claims.push(pod.clone());
        }
        self.pods.push(pod);
    }

    /// Removes a pod, by UID. Gives back what was there.
    pub fn remove_pod(&mut self, uid: &str) -> Option<Arc<PodInfo>> {
        fn take(pods: &mut Vec<Arc<PodInfo>>, uid: &str) -> Option<Arc<PodInfo>> {
            let at = pods.iter().position(|pod| pod.uid() == uid)?;
            Some(pods.swap_remove(at))
        }
        let pod = take(&mut self.pods, uid)?;
        if let Some(affinities) = &pod.affinities {
            take(&mut self.pods_with_affinity, uid);
            if !affinities.required_anti.is_empty() {
                take(&mut self.pods_with_required_anti_affinity, uid);
            }
        }
        if !pod.claims.is_empty() {
            take(&mut self.pods_with_claims, uid);
        }
        self.requested.sub(&pod.requests.used);
        self.non_zero_cpu -= pod.requests.non_zero_cpu;
        self.non_zero_memory -= pod.requests.non_zero_memory;
        self.used_ports.remove(&pod.host_ports);
        Some(pod)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pod_info::PodOptions;
    use k8s_api::Kind as _;
    use k8s_api::core::v1::Pod;
    use serde_json::json;

    fn pod(uid: &str, spec: serde_json::Value) -> Arc<PodInfo> {
        let pod = Pod::from_value(json!({"metadata": {"name": uid, "uid": uid}, "spec": spec})).unwrap();
        Arc::new(PodInfo::new(Arc::new(pod), PodOptions::default()))
    }

    #[test]
    fn what_comes_with_a_pod_goes_with_it() {
        let mut node = NodeInfo::new(0);
        let term = json!({"topologyKey": "zone", "labelSelector": {}});
        node.add_pod(pod(
            "a",
            json!({
                "containers": [{"name": "c", "ports": [{"hostPort": 80}],
                                "resources": {"requests": {"cpu": "1", "memory": "1Mi", "x.io/y": "2"}}}],
                "affinity": {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}},
                "volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "v"}}],
            }),
        ));
        node.add_pod(pod("b", json!({"containers": [{"name": "c"}]})));
        assert_eq!((node.requested.milli_cpu, node.non_zero_cpu), (1000, 1100));
        assert_eq!((node.pods.len(), node.pods_with_required_anti_affinity.len()), (2, 1));
        assert_eq!(node.pods_with_claims.len(), 1);
        assert!(node.remove_pod("c").is_none());
        assert_eq!(node.remove_pod("a").unwrap().name(), "a");
        assert_eq!((node.requested.milli_cpu, node.non_zero_cpu), (0, 100));
        assert_eq!(node.requested.get("x.io/y"), 0);
        assert!(node.pods_with_affinity.is_empty() && node.pods_with_claims.is_empty());
        assert!(node.pods_with_required_anti_affinity.is_empty());
        assert_eq!(node.used_ports, UsedPorts::default());
    }
}
