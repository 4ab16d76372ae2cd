//! Which nodes reach which objects.
//!
//! A pod on a node counts once for each object that it refers to; an object is reached by a node as long as a
//! pod counts. Volumes are reached through their claims, and secrets of volumes through the volumes.
//!
//! **Invariant:** what a pod or volume put in, its replacement or removal takes out, whatever came between.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    sync::{Arc, OnceLock},
};

use async_trait::async_trait;
use k8s_api::core::v1::{PersistentVolume, Pod};
use parking_lot::RwLock;

use crate::references;

/// Kinds of objects that nodes reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Config maps.
    ConfigMap,
    /// Secrets.
    Secret,
    /// Service accounts.
    ServiceAccount,
    /// Claims for volumes.
    PersistentVolumeClaim,
    /// Claims for devices.
    ResourceClaim,
    /// Volumes.
    PersistentVolume,
    /// Pods.
    Pod,
    /// Attachments of volumes.
    VolumeAttachment,
    /// Slices of devices.
    ResourceSlice,
}

/// Namespace → name → value. Two steps, so that a look-up needs no owned key.
#[derive(Debug)]
struct Table<V>(HashMap<String, HashMap<String, V>>);

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<V> Table<V> {
    fn get(&self, namespace: &str, name: &str) -> Option<&V> {
        self.0.get(namespace)?.get(name)
    }

    fn get_mut(&mut self, namespace: &str, name: &str) -> Option<&mut V> {
        self.0.get_mut(namespace)?.get_mut(name)
    }

    fn entry(&mut self, namespace: &str, name: &str) -> &mut V
    where
        V: Default,
    {
        let names = self.0.entry(namespace.to_owned()).or_default();
        names.entry(name.to_owned()).or_default()
    }

    fn insert(&mut self, namespace: &str, name: &str, value: V) {
        let names = self.0.entry(namespace.to_owned()).or_default();
        names.insert(name.to_owned(), value);
    }

    fn remove(&mut self, namespace: &str, name: &str) -> Option<V> {
        let names = self.0.get_mut(namespace)?;
        let value = names.remove(name);
        if names.is_empty() {
            self.0.remove(namespace);
        }
        value
    }
}

/// Nodes, and how many of their pods refer to the object.
type Nodes = HashMap<Arc<str>, u32>;

#[derive(Debug)]
struct PodEntry {
    node: Arc<str>,
    uid: String,
    references: Vec<(Kind, String)>,
}

#[derive(Debug)]
struct VolumeEntry {
    claim: (String, String),
    secrets: Vec<(String, String)>,
}

#[derive(Debug, Default)]
struct Edges {
    pods: Table<PodEntry>,
    reached: HashMap<Kind, Table<Nodes>>,
    volumes: HashMap<String, VolumeEntry>,
    volumes_of_secret: Table<HashSet<String>>,
    attachments: HashMap<String, String>,
    slices: HashMap<String, String>,
}

/// How far those are who tell a graph of pods and volumes.
#[async_trait]
pub trait Progress: fmt::Debug + Send + Sync {
    /// Returns when the graph knows all that any watch has told of until now, or when that takes too long.
    async fn caught_up(&self);
}

/// Which nodes reach which objects.
#[derive(Debug, Default)]
pub struct Graph {
    edges: RwLock<Edges>,
    progress: OnceLock<Arc<dyn Progress>>,
}

impl Edges {
    fn remove_pod(&mut self, namespace: &str, name: &str) {
        let Some(pod) = self.pods.remove(namespace, name) else {
            return;
        };
        for (kind, object) in &pod.references {
            let Some(table) = self.reached.get_mut(kind) else {
                continue;
            };
            let Some(nodes) = table.get_mut(namespace, object) else {
                continue;
            };
            if let Some(count) = nodes.get_mut(&pod.node) {
                *count -= 1;
                if *count == 0 {
                    nodes.remove(&pod.node);
                }
            }
            if nodes.is_empty() {
                table.remove(namespace, object);
            }
        }
    }

    fn remove_volume(&mut self, name: &str) {
        let Some(volume) = self.volumes.remove(name) else {
            return;
        };
        for (namespace, secret) in &volume.secrets {
            let Some(volumes) = self.volumes_of_secret.get_mut(namespace, secret) else {
                continue;
            };
            volumes.remove(name);
            if volumes.is_empty() {
                self.volumes_of_secret.remove(namespace, secret);
            }
        }
    }

    fn by_pods(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        self.reached
            .get(&kind)
            .and_then(|table| table.get(namespace, name))
            .is_some_and(|nodes| nodes.contains_key(node))
    }

    fn by_claim(&self, node: &str, volume: &str) -> bool {
        self.volumes.get(volume).is_some_and(|volume| {
            let (namespace, name) = &volume.claim;
            self.by_pods(node, Kind::PersistentVolumeClaim, namespace, name)
        })
    }

    fn reaches(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        let is = |found: Option<&String>| found.is_some_and(|found| found == node);
        match kind {
            Kind::Pod => self.pods.get(namespace, name).is_some_and(|pod| &*pod.node == node),
            Kind::VolumeAttachment => is(self.attachments.get(name)),
            Kind::ResourceSlice => is(self.slices.get(name)),
            Kind::PersistentVolume => self.by_claim(node, name),
            Kind::Secret => {
                self.by_pods(node, kind, namespace, name)
                    || self
                        .volumes_of_secret
                        .get(namespace, name)
                        .is_some_and(|volumes| volumes.iter().any(|volume| self.by_claim(node, volume)))
            }
            _ => self.by_pods(node, kind, namespace, name),
        }
    }
}

impl Graph {
    /// Names those who tell of pods and volumes; the first ones stay.
    pub fn told_by(&self, progress: Arc<dyn Progress>) {
        self.progress.get_or_init(|| progress);
    }

    pub(crate) async fn caught_up(&self) {
        if let Some(progress) = self.progress.get() {
            progress.caught_up().await;
        }
    }

    /// Stores a pod as it is now. Pods without a node do not count.
    pub fn upsert_pod(&self, pod: &Pod) {
        let metadata = &pod.metadata;
        let (namespace, name) = (&metadata.namespace, &metadata.name);
        if pod.spec.node_name.is_empty() {
            return;
        }
        let references = references::of_pod(pod);
        {
            // Most updates are of the status and change no reference.
            let edges = self.edges.read();
            let known = edges.pods.get(namespace, name).is_some_and(|known| {
                *known.node == *pod.spec.node_name && known.uid == metadata.uid && known.references == references
            });
            if known {
                return;
            }
        }
        let mut edges = self.edges.write();
        edges.remove_pod(namespace, name);
        let node: Arc<str> = pod.spec.node_name.as_str().into();
        for (kind, object) in &references {
            let nodes = edges.reached.entry(*kind).or_default().entry(namespace, object);
            *nodes.entry(node.clone()).or_default() += 1;
        }
        let entry = PodEntry {
            node,
            uid: metadata.uid.clone(),
            references,
        };
        edges.pods.insert(namespace, name, entry);
    }

    /// Forgets a pod.
    pub fn delete_pod(&self, namespace: &str, name: &str) {
        self.edges.write().remove_pod(namespace, name);
    }

    /// Stores a volume as it is now.
    pub fn upsert_volume(&self, volume: &PersistentVolume) {
        let name = &volume.metadata.name;
        let mut edges = self.edges.write();
        edges.remove_volume(name);
        let Some(claim) = &volume.spec.claim_ref else { return };
        let secrets = references::of_volume(volume);
        for (namespace, secret) in &secrets {
            edges.volumes_of_secret.entry(namespace, secret).insert(name.clone());
        }
        let entry = VolumeEntry {
            claim: (claim.namespace.clone(), claim.name.clone()),
            secrets,
        };
        edges.volumes.insert(name.clone(), entry);
    }

    /// Forgets a volume.
    pub fn delete_volume(&self, name: &str) {
        self.edges.write().remove_volume(name);
    }

    /// Stores an attachment and its node.
    pub fn upsert_attachment(&self, name: &str, node: &str) {
        self.edges.write().attachments.insert(name.to_owned(), node.to_owned());
    }

    /// Forgets an attachment.
    pub fn delete_attachment(&self, name: &str) {
        self.edges.write().attachments.remove(name);
    }

    /// Stores a slice and its node; slices of no single node reach none.
    pub fn upsert_slice(&self, name: &str, node: Option<&str>) {
        let mut edges = self.edges.write();
        match node.filter(|node| !node.is_empty()) {
            Some(node) => edges.slices.insert(name.to_owned(), node.to_owned()),
            None => edges.slices.remove(name),
        };
    }

    /// Forgets a slice.
    pub fn delete_slice(&self, name: &str) {
        self.edges.write().slices.remove(name);
    }

    /// Whether the node reaches the object. Cluster-scoped objects have no namespace.
    #[must_use]
    pub fn reaches(&self, node: &str, kind: Kind, namespace: &str, name: &str) -> bool {
        !node.is_empty() && self.edges.read().reaches(node, kind, namespace, name)
    }
}
