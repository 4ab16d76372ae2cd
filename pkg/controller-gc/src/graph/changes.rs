//! How changes of objects change the graph.

use k8s_api::meta::v1::{ObjectMeta, OwnerReference};

use super::{Change, DELETE_DEPENDENTS, Effects, Graph, Node, ORPHAN_DEPENDENTS, being_deleted, starts};
use crate::identity::{Identity, Uid};

impl Graph {
    /// Takes one change.
    pub(crate) fn apply(&mut self, change: &Change) -> Effects {
        let mut effects = Effects::default();
        match change {
            Change::Present { type_meta, before, now } => {
                let identity = Identity::of(type_meta, &now.metadata);
                self.observe(&identity, &mut effects);
                let before = before.as_deref().map(|object| &object.metadata);
                if self.nodes.contains_key(&identity.uid) {
                    self.update(&identity.uid, &now.metadata, &mut effects);
                } else {
                    self.insert(identity.clone(), &now.metadata, &mut effects);
                }
                self.transition(&identity.uid, before, &now.metadata, &mut effects);
            }
            Change::Deleted(identity) => {
                self.observe(identity, &mut effects);
                self.remove(identity, &mut effects);
            }
            Change::Absent(identity) => self.absence(identity, &mut effects),
        }
        effects
    }

    /// A watch has seen this object: what a virtual node claimed of it is put right.
    fn observe(&mut self, observed: &Identity, effects: &mut Effects) {
        let Some(node) = self.nodes.get_mut(&observed.uid).filter(|node| node.is_virtual) else {
            return;
        };
        node.is_virtual = false;
        if node.identity == *observed {
            return;
        }
        node.identity = observed.clone();
        let (_, mismatching) = self.partition(&observed.uid, observed);
        for uid in mismatching {
            let dependent = &self.nodes[&uid];
            if !observed.namespace().is_empty() && dependent.identity.namespace() != observed.namespace() {
                report(dependent, &observed.uid, effects);
            }
            effects.delete.push(uid);
        }
    }

    fn insert(&mut self, identity: Identity, metadata: &ObjectMeta, effects: &mut Effects) {
        let uid = identity.uid.clone();
        let node = Node {
            owners: metadata.owner_references.clone(),
            being_deleted: being_deleted(metadata),
            deleting_dependents: controller_objects::finalizers::is_due(metadata, DELETE_DEPENDENTS),
            is_virtual: false,
            ..Node::virtual_owner(identity)
        };
        self.nodes.insert(uid.clone(), node);
        self.add_to_owners(&uid, &metadata.owner_references, effects);
    }

    fn update(&mut self, uid: &Uid, metadata: &ObjectMeta, effects: &mut Effects) {
        let node = self.nodes.get_mut(uid).expect("the caller found the node");
        node.being_deleted |= being_deleted(metadata);
        let now = &metadata.owner_references;
        if node.owners == *now {
            return;
        }
        let before = std::mem::replace(&mut node.owners, now.clone());
        let in_list = |list: &[OwnerReference], uid: &str| list.iter().any(|reference| reference.uid == uid);
        let blocked = |reference: &&OwnerReference| reference.block_owner_deletion == Some(true);
        // Owners that waited for this object alone need to be looked at.
        for reference in before.iter().filter(blocked) {
            let still = now.iter().find(|new| new.uid == reference.uid);
            if still.is_none_or(|still| still.block_owner_deletion != Some(true))
                && let Some((uid, _)) = self.nodes.get_key_value(reference.uid.as_str())
            {
                effects.delete.push(uid.clone());
            }
        }
        let added: Vec<_> = now.iter().filter(|new| !in_list(&before, &new.uid)).cloned().collect();
        self.add_to_owners(uid, &added, effects);
        for reference in before.iter().filter(|old| !in_list(now, &old.uid)) {
            if let Some(owner) = self.nodes.get_mut(reference.uid.as_str()) {
                owner.dependents.remove(uid);
            }
        }
    }

    /// Adds a node to its owners, which become virtual nodes where they are not known. References that do not fit what is
    /// known of an owner make the node worth a look.
    fn add_to_owners(&mut self, uid: &Uid, owners: &[OwnerReference], effects: &mut Effects) {
        let namespace = self.nodes[uid].identity.namespace().to_owned();
        let mut doubtful = false;
        for reference in owners {
            let Some(owner) = self.nodes.get_mut(reference.uid.as_str()) else {
                let claimed = Identity::claimed(reference, &namespace);
                effects.delete.push(claimed.uid.clone());
                let mut owner = Node::virtual_owner(claimed);
                owner.dependents.insert(uid.clone());
                self.nodes.insert(owner.identity.uid.clone(), owner);
                continue;
            };
            owner.dependents.insert(uid.clone());
            if doubtful {
                continue;
            }
            let of_owner = owner.identity.namespace();
            let elsewhere = of_owner != namespace;
            if !of_owner.is_empty() && elsewhere {
                doubtful = true;
                if !owner.is_virtual {
                    let owner = owner.identity.uid.clone();
                    report(&self.nodes[uid], &owner, effects);
                }
            } else {
                // A virtual node without a namespace may stand for a namespaced owner that a cluster-scoped object names.
                doubtful = !owner.identity.matches(reference) || (elsewhere && owner.is_virtual);
            }
        }
        if doubtful {
            effects.delete.push(uid.clone());
        }
    }

    fn transition(&mut self, uid: &Uid, before: Option<&ObjectMeta>, now: &ObjectMeta, effects: &mut Effects) {
        if starts(before, now, ORPHAN_DEPENDENTS) {
            effects.orphan.push(uid.clone());
        } else if starts(before, now, DELETE_DEPENDENTS) {
            let node = self.nodes.get_mut(uid).expect("the object was entered just now");
            node.deleting_dependents = true;
            effects.delete.extend(node.dependents.iter().cloned());
            effects.delete.push(uid.clone());
        }
    }

    fn remove(&mut self, identity: &Identity, effects: &mut Effects) {
        let Some(node) = self.nodes.remove(&identity.uid) else {
            return;
        };
        for reference in &node.owners {
            if let Some(owner) = self.nodes.get_mut(reference.uid.as_str()) {
                owner.dependents.remove(&identity.uid);
                if owner.deleting_dependents {
                    effects.delete.push(owner.identity.uid.clone());
                }
            }
        }
        if !node.dependents.is_empty() {
            self.absent.add(identity.clone());
        }
        effects.delete.extend(node.dependents);
    }

    /// The server knows no such object. Dependents may mean another one by the same UID; then the node stays.
    fn absence(&mut self, absent: &Identity, effects: &mut Effects) {
        let Some(node) = self.nodes.get(&absent.uid) else {
            return;
        };
        let (is_virtual, same) = (node.is_virtual, node.identity == *absent);
        let (matching, mismatching) = self.partition(&absent.uid, absent);
        let stays = if is_virtual { !mismatching.is_empty() } else { !same };
        if !stays {
            self.remove(absent, effects);
            return;
        }
        if !matching.is_empty() {
            self.absent.add(absent.clone());
            effects.delete.extend(matching);
        }
        if is_virtual
            && same
            && let Some(alternative) = self.alternative(&mismatching, absent)
        {
            let node = self.nodes.get_mut(&absent.uid).expect("the node was found above");
            node.identity = alternative;
            effects.delete_later.push(absent.uid.clone());
        }
    }

    /// The dependents of a node that name it by this identity, and those that name it by another. One with several
    /// references may be in both.
    fn partition(&self, uid: &Uid, identity: &Identity) -> (Vec<Uid>, Vec<Uid>) {
        let (mut matching, mut mismatching) = (Vec::new(), Vec::new());
        for dependent in self.nodes.get(uid).into_iter().flat_map(|node| &node.dependents) {
            let Some(node) = self.nodes.get(dependent) else {
                continue;
            };
            if !identity.namespace().is_empty() && identity.namespace() != node.identity.namespace() {
                mismatching.push(dependent.clone());
                continue;
            }
            if node.references(uid).any(|reference| identity.matches(reference)) {
                matching.push(dependent.clone());
            }
            if node.references(uid).any(|reference| !identity.matches(reference)) {
                mismatching.push(dependent.clone());
            }
        }
        (matching, mismatching)
    }

    /// Another identity by which dependents name an owner: the first behind `absent`, or else the first of all, so that
    /// all of them have their turn.
    fn alternative(&self, dependents: &[Uid], absent: &Identity) -> Option<Identity> {
        let mut claims: Vec<Identity> = Vec::new();
        for node in dependents.iter().filter_map(|uid| self.nodes.get(uid)) {
            for reference in node.references(&absent.uid) {
                let mut claim = Identity::claimed(reference, node.identity.namespace());
                // A kind that is known to be cluster-scoped has no namespace.
                if absent.namespace().is_empty() && claim.type_meta == absent.type_meta {
                    claim = claim.cluster_scoped();
                }
                if claim != *absent {
                    claims.push(claim);
                }
            }
        }
        claims.sort();
        let behind = claims.iter().find(|claim| *claim > absent);
        behind.or(claims.first()).cloned()
    }
}

fn report(dependent: &Node, owner: &Uid, effects: &mut Effects) {
    if let Some(reference) = dependent.references(owner).next() {
        effects.invalid.push((dependent.identity.clone(), reference.clone()));
    }
}
