//! Owners: the one controller of an object, and an index of objects by it.

use std::sync::Arc;

use client_go::cache::{Lister, SharedInformer};
use k8s_api::meta::v1::{ObjectMeta, OwnerReference};
use k8s_api::{HasMetadata, Kind};

/// The index of objects by the UID of their controller; those without one stand under their namespace
/// ([`orphans_key`]).
pub const BY_CONTROLLER: &str = "controllerUID";

/// The owner that controls an object.
#[must_use]
pub fn controller_of(metadata: &ObjectMeta) -> Option<&OwnerReference> {
    metadata
        .owner_references
        .iter()
        .find(|reference| reference.controller == Some(true))
}

/// Whether `owner` controls the object.
#[must_use]
pub fn is_controlled_by(metadata: &ObjectMeta, owner: &ObjectMeta) -> bool {
    controller_of(metadata).is_some_and(|reference| reference.uid == owner.uid)
}

/// The reference that makes `owner` the controller.
#[must_use]
pub fn controller_reference<O: HasMetadata>(owner: &O) -> OwnerReference {
    OwnerReference {
        api_version: O::API_VERSION.to_owned(),
        kind: <O as Kind>::KIND.to_owned(),
        name: owner.name().to_owned(),
        uid: owner.metadata().uid.clone(),
        controller: Some(true),
        block_owner_deletion: Some(true),
    }
}

/// Where a namespace's objects without a controller stand in the index.
#[must_use]
pub fn orphans_key(namespace: &str) -> String {
    format!("orphans/{namespace}")
}

/// Adds the index to an informer.
pub fn index_by_controller<T: HasMetadata>(informer: &SharedInformer<T>) {
    informer.add_index(BY_CONTROLLER, |object: &T| {
        let metadata = object.metadata();
        vec![controller_of(metadata).map_or_else(|| orphans_key(&metadata.namespace), |owner| owner.uid.clone())]
    });
}

/// What `owner` controls, and what nobody does in its namespace. Costs what it finds.
#[must_use]
pub fn owned_or_orphans<T: HasMetadata>(lister: &Lister<T>, owner: &ObjectMeta) -> Vec<Arc<T>> {
    let mut objects = lister.by_index(BY_CONTROLLER, &owner.uid);
    objects.extend(lister.by_index(BY_CONTROLLER, &orphans_key(&owner.namespace)));
    objects
}
