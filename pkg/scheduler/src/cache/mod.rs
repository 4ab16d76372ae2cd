//! The scheduler's picture of nodes and the pods on them, assumed ones included.
//!
//! A pod is *assumed* from the moment a node is chosen until the informer tells of it; it is then *added*. If the binding
//! fails it is *forgotten*. Assumed pods do not expire: the binding either comes to an end or the process does.
//!
//! **Invariant:** what has changed since the last snapshot is listed, so that a snapshot costs what has changed.

mod node_tree;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;

use k8s_api::core::v1::{Node, Pod};
use parking_lot::Mutex;
use scheduler_framework::node_info::{ImageState, ImageStates};
use scheduler_framework::snapshot::{Snapshot, SnapshotChanges};
use scheduler_framework::{NodeInfo, PodInfo};

use node_tree::{NodeTree, zone_key};

/// Why the cache refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    /// The pod is there already.
    #[error("pod {0} is in the cache, so can't be assumed")]
    Present(String),
    /// The pod is not assumed.
    #[error("pod {0} wasn't assumed so cannot be forgotten")]
    NotAssumed(String),
}

/// What a slot holds.
struct Entry {
    name: Arc<str>,
    info: Arc<NodeInfo>,
    zone: String,
    dirty: bool,
}

#[derive(Clone)]
struct PodState {
    info: Arc<PodInfo>,
    node: u32,
    assumed: bool,
}

#[derive(Default)]
struct Inner {
    slots: Vec<Option<Entry>>,
    free: Vec<u32>,
    by_name: HashMap<Arc<str>, u32>,
    pods: HashMap<String, PodState>,
    assumed: usize,
    tree: NodeTree,
    images: ImageStates,
    images_dirty: bool,
    order_dirty: bool,
    dirty: Vec<u32>,
}

/// How much the cache holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheSize {
    /// Nodes.
    pub nodes: usize,
    /// Pods, assumed ones included.
    pub pods: usize,
    /// Assumed pods.
    pub assumed: usize,
}

/// The picture; shared by the informers' handlers and the scheduling thread.
#[derive(Default)]
pub struct Cache {
    inner: Mutex<Inner>,
}

impl Inner {
    fn slot(&mut self, name: &str) -> u32 {
        if let Some(slot) = self.by_name.get(name) {
            return *slot;
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).expect("there are fewer than four billion nodes")
        });
        let name: Arc<str> = name.into();
        self.slots[slot as usize] = Some(Entry {
            name: name.clone(),
            info: Arc::new(NodeInfo::new(slot)),
            zone: String::new(),
            dirty: false,
        });
        self.by_name.insert(name, slot);
        slot
    }

    /// A node to be changed; it is taken note of.
    fn change(&mut self, slot: u32) -> &mut NodeInfo {
        let entry = self.slots[slot as usize].as_mut().expect("a slot in use has an entry");
        if !entry.dirty {
            entry.dirty = true;
            self.dirty.push(slot);
        }
        Arc::make_mut(&mut entry.info)
    }

    /// Gives a slot back if neither the node nor any pod on it is known.
    fn release_if_empty(&mut self, slot: u32) {
        let Some(entry) = &self.slots[slot as usize] else {
            return;
        };
        if entry.info.known || !entry.info.pods.is_empty() {
            return;
        }
        self.by_name.remove(&entry.name);
        // The next snapshot must learn that the slot is empty before it is used again.
        if !entry.dirty {
            self.dirty.push(slot);
        }
        self.slots[slot as usize] = None;
        self.free.push(slot);
    }

    fn insert(&mut self, info: Arc<PodInfo>, node: u32, assumed: bool) {
        self.change(node).add_pod(info.clone());
        self.assumed += usize::from(assumed);
        self.pods
            .insert(info.uid().to_owned(), PodState { info, node, assumed });
    }

    fn take(&mut self, uid: &str) -> Option<PodState> {
        let state = self.pods.remove(uid)?;
        self.assumed -= usize::from(state.assumed);
        self.change(state.node).remove_pod(uid);
        self.release_if_empty(state.node);
        Some(state)
    }

    fn forget_images(&mut self, images: &ImageStates) {
        for (name, state) in images {
            self.images_dirty = true;
            if state.vanished() == 0 {
                self.images.remove(name);
            }
        }
    }

    fn learn_images(&mut self, node: &Node) -> Arc<ImageStates> {
        let mut images = ImageStates::new();
        for image in &node.status.images {
            for name in &image.names {
                let name: Arc<str> = name.as_str().into();
                let known = self.images.entry(name.clone());
                let state = known.or_insert_with(|| Arc::new(ImageState::new(image.size_bytes)));
                if images.insert(name, state.clone()).is_none() {
                    state.appeared();
                }
            }
        }
        self.images_dirty |= !images.is_empty();
        Arc::new(images)
    }
}

/// Whether a pod as the informer tells of it differs in nothing that a node's sums and its plugins read.
fn same_facts(a: &PodInfo, b: &PodInfo) -> bool {
    a.requests == b.requests
        && a.pod.metadata.labels == b.pod.metadata.labels
        && a.pod.metadata.deletion_timestamp == b.pod.metadata.deletion_timestamp
}

impl Cache {
    /// Takes a node in, or what has changed about it.
    pub fn set_node(&self, node: &Arc<Node>) {
        let inner = &mut *self.inner.lock();
        let slot = inner.slot(&node.metadata.name);
        let zone = zone_key(node);
        let entry = inner.slots[slot as usize]
            .as_mut()
            .expect("the slot has just been made");
        let known = entry.info.known;
        let same_images = known && entry.info.node.status.images == node.status.images;
        if !known || entry.zone != zone {
            let old = std::mem::replace(&mut entry.zone, zone.clone());
            if known {
                inner.tree.remove(&old, slot);
            }
            inner.tree.add(&zone, slot);
            inner.order_dirty = true;
        }
        if !same_images {
            let old = inner.change(slot).images.clone();
            inner.forget_images(&old);
            let images = inner.learn_images(node);
            inner.change(slot).images = images;
        }
        inner.change(slot).set_node(node.clone());
    }

    /// Forgets a node. Its pods stay until they are told to be gone.
    pub fn remove_node(&self, name: &str) {
        let inner = &mut *self.inner.lock();
        let Some(slot) = inner.by_name.get(name).copied() else {
            return;
        };
        let Some(entry) = &inner.slots[slot as usize] else {
            return;
        };
        if !entry.info.known {
            return;
        }
        let (zone, images) = (entry.zone.clone(), entry.info.images.clone());
        inner.tree.remove(&zone, slot);
        inner.order_dirty = true;
        inner.forget_images(&images);
        inner.change(slot).remove_node();
        inner.release_if_empty(slot);
    }

    /// Takes a pod to be on a node though nobody has said so yet.
    ///
    /// # Errors
    /// The pod is there already.
    pub fn assume_pod(&self, info: Arc<PodInfo>, node: &str) -> Result<(), CacheError> {
        let inner = &mut *self.inner.lock();
        if inner.pods.contains_key(info.uid()) {
            return Err(CacheError::Present(info.key()));
        }
        let slot = inner.slot(node);
        inner.insert(info, slot, true);
        Ok(())
    }

    /// Takes an assumption back.
    ///
    /// # Errors
    /// The pod is not assumed.
    pub fn forget_pod(&self, info: &PodInfo) -> Result<(), CacheError> {
        let inner = &mut *self.inner.lock();
        if !inner.pods.get(info.uid()).is_some_and(|state| state.assumed) {
            return Err(CacheError::NotAssumed(info.key()));
        }
        inner.take(info.uid());
        Ok(())
    }

    /// Takes in a pod that has a node, or what has changed about it. Gives back what was known of it.
    pub fn set_pod(&self, info: &Arc<PodInfo>) -> Option<Arc<PodInfo>> {
        let inner = &mut *self.inner.lock();
        let slot = inner.slot(&info.pod.spec.node_name);
        if let Some(state) = inner.pods.get_mut(info.uid()) {
            let before = state.info.clone();
            if state.node == slot && state.assumed && same_facts(&before, info) {
                // The usual end of an assumption: the node's sums are right as they are.
                state.assumed = false;
                state.info = info.clone();
                inner.assumed -= 1;
                return Some(before);
            }
            if state.node != slot {
                tracing::warn!(
                    pod = info.key(),
                    node = info.pod.spec.node_name,
                    "pod was assumed to be on another node"
                );
            }
            inner.take(info.uid());
            let slot = inner.slot(&info.pod.spec.node_name);
            inner.insert(info.clone(), slot, false);
            return Some(before);
        }
        inner.insert(info.clone(), slot, false);
        None
    }

    /// Forgets a pod that is gone. Gives back what was known of it.
    pub fn remove_pod(&self, uid: &str) -> Option<Arc<PodInfo>> {
        self.inner.lock().take(uid).map(|state| state.info)
    }

    /// Whether a pod is assumed.
    #[must_use]
    pub fn is_assumed(&self, uid: &str) -> bool {
        self.inner.lock().pods.get(uid).is_some_and(|state| state.assumed)
    }

    /// A pod that is on a node, or assumed to be.
    #[must_use]
    pub fn pod(&self, uid: &str) -> Option<Arc<PodInfo>> {
        self.inner.lock().pods.get(uid).map(|state| state.info.clone())
    }

    /// How much there is.
    #[must_use]
    pub fn size(&self) -> CacheSize {
        let inner = self.inner.lock();
        CacheSize {
            nodes: inner.by_name.len(),
            pods: inner.pods.len(),
            assumed: inner.assumed,
        }
    }

    /// Brings a snapshot up to date.
    pub fn update_snapshot(&self, snapshot: &mut Snapshot) {
        let inner = &mut *self.inner.lock();
        if inner.dirty.is_empty() && !inner.order_dirty && !inner.images_dirty {
            return;
        }
        let mut changes = SnapshotChanges::default();
        for slot in std::mem::take(&mut inner.dirty) {
            let entry = inner.slots[slot as usize].as_mut();
            let known = entry.and_then(|entry| {
                entry.dirty = false;
                entry.info.known.then(|| entry.info.clone())
            });
            changes.nodes.push((slot, known));
        }
        if std::mem::take(&mut inner.order_dirty) {
            changes.order = Some(inner.tree.list());
        }
        if std::mem::take(&mut inner.images_dirty) {
            changes.images = Some(Arc::new(inner.images.clone()));
        }
        snapshot.apply(changes);
    }
}

/// A pod with a node: what an event about an assumed pod carries.
#[must_use]
pub fn with_node(info: &PodInfo, node: &str, options: scheduler_framework::PodOptions) -> Arc<PodInfo> {
    let mut pod: Pod = (*info.pod).clone();
    node.clone_into(&mut pod.spec.node_name);
    Arc::new(PodInfo::new(Arc::new(pod), options))
}
