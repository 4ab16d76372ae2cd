//! [`Graph`]: who owns whom, as far as the watches have told.
//!
//! Pure data: events go in, [`Effects`] come out. An owner that has been named but not seen is a *virtual* node, whose
//! identity is a claim; the server is asked about it, and the answer comes back as a virtual deletion, or the object's own
//! event turns it into a real one.

mod changes;
#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use k8s_api::meta::v1::{ObjectMeta, OwnerReference, PartialObjectMetadata};

use crate::absent::AbsentOwners;
use crate::identity::{Identity, TypeMeta, Uid};

/// The finalizer of objects that wait for their dependents' deletion.
pub(crate) const DELETE_DEPENDENTS: &str = "foregroundDeletion";
/// The finalizer of objects whose dependents are to stay.
pub(crate) const ORPHAN_DEPENDENTS: &str = "orphan";

/// What happened to an object.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// It is there, or changed from `before`.
    Present {
        /// Its kind.
        type_meta: TypeMeta,
        /// Its former state, if that was seen.
        before: Option<Arc<PartialObjectMetadata>>,
        /// Its present state.
        now: Arc<PartialObjectMetadata>,
    },
    /// A watch saw it go.
    Deleted(Identity),
    /// The server says that there is no such object; no watch has.
    Absent(Identity),
}

/// What is to be done after a change.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Effects {
    /// Objects to look at, which may have to go.
    pub(crate) delete: Vec<Uid>,
    /// The same, after a pause.
    pub(crate) delete_later: Vec<Uid>,
    /// Objects whose dependents lose them as owner.
    pub(crate) orphan: Vec<Uid>,
    /// Dependents that name an owner of another namespace, with what they name.
    pub(crate) invalid: Vec<(Identity, OwnerReference)>,
}

/// An object in the graph.
#[derive(Clone, Debug)]
struct Node {
    identity: Identity,
    owners: Vec<OwnerReference>,
    dependents: HashSet<Uid>,
    being_deleted: bool,
    deleting_dependents: bool,
    /// Named by a dependent, and seen by no watch.
    is_virtual: bool,
}

impl Node {
    fn virtual_owner(identity: Identity) -> Self {
        Self {
            identity,
            owners: Vec::new(),
            dependents: HashSet::new(),
            being_deleted: false,
            deleting_dependents: false,
            is_virtual: true,
        }
    }

    fn references<'n>(&'n self, uid: &'n str) -> impl Iterator<Item = &'n OwnerReference> {
        self.owners.iter().filter(move |reference| reference.uid == uid)
    }

    fn blocks(&self, owner: &str) -> bool {
        self.references(owner)
            .any(|reference| reference.block_owner_deletion == Some(true))
    }
}

/// A node as the collector needs to know it.
#[derive(Clone, Debug)]
pub(crate) struct Item {
    /// What is known of its names.
    pub(crate) identity: Identity,
    /// It is on its way out.
    pub(crate) being_deleted: bool,
    /// It waits for its dependents' deletion.
    pub(crate) deleting_dependents: bool,
    /// A watch has seen it.
    pub(crate) observed: bool,
    /// Whether anything names it as owner.
    pub(crate) has_dependents: bool,
    /// Whether a dependent waits for its own dependents' deletion.
    pub(crate) has_waiting_dependent: bool,
    /// Its owners as last seen.
    pub(crate) owners: Vec<OwnerReference>,
}

/// Who owns whom.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    nodes: HashMap<Uid, Node>,
    absent: AbsentOwners,
}

impl Graph {
    /// A node by its UID.
    pub(crate) fn item(&self, uid: &str) -> Option<Item> {
        let node = self.nodes.get(uid)?;
        let waiting = |uid: &Uid| self.nodes.get(uid).is_some_and(|node| node.deleting_dependents);
        Some(Item {
            identity: node.identity.clone(),
            being_deleted: node.being_deleted,
            deleting_dependents: node.deleting_dependents,
            observed: !node.is_virtual,
            has_dependents: !node.dependents.is_empty(),
            has_waiting_dependent: node.dependents.iter().any(waiting),
            owners: node.owners.clone(),
        })
    }

    /// The dependents whose references hold a node's deletion, with whether they wait for their own.
    pub(crate) fn blocking_dependents(&self, uid: &str) -> Vec<(Uid, bool)> {
        let dependents = self.nodes.get(uid).into_iter().flat_map(|node| &node.dependents);
        let nodes = dependents.filter_map(|uid| self.nodes.get(uid));
        nodes
            .filter(|dependent| dependent.blocks(uid))
            .map(|dependent| (dependent.identity.uid.clone(), dependent.deleting_dependents))
            .collect()
    }

    /// Everything that names a node as owner.
    pub(crate) fn dependents(&self, uid: &str) -> Vec<Identity> {
        let dependents = self.nodes.get(uid).into_iter().flat_map(|node| &node.dependents);
        dependents
            .filter_map(|uid| self.nodes.get(uid))
            .map(|node| node.identity.clone())
            .collect()
    }

    /// The owners that are known not to exist.
    pub(crate) fn absent(&mut self) -> &mut AbsentOwners {
        &mut self.absent
    }
}

/// Whether an object is on its way out.
fn being_deleted(metadata: &ObjectMeta) -> bool {
    metadata.deletion_timestamp.is_some()
}

/// Whether an object has begun to be deleted with this finalizer since its former state.
fn starts(before: Option<&ObjectMeta>, now: &ObjectMeta, finalizer: &str) -> bool {
    let due = |metadata: &ObjectMeta| controller_objects::finalizers::is_due(metadata, finalizer);
    due(now) && !before.is_some_and(due)
}
