//! Which volume goes with a claim (upstream: `component-helpers/storage/volume`).

use std::collections::BTreeSet;
use std::sync::Arc;

use apimachinery::field::Path;
use apimachinery::selectors::Selector;
use k8s_api::core::v1::{Node, ObjectReference, PersistentVolume, PersistentVolumeClaim};
use k8s_api::primitives::Quantity;
use scheduler_framework::node_selector::NodeSelector;

const STORAGE: &str = "storage";
/// Set on claims whose binding is complete.
pub(super) const BIND_COMPLETED: &str = "pv.kubernetes.io/bind-completed";
/// Set on volumes that a controller bound.
const BOUND_BY_CONTROLLER: &str = "pv.kubernetes.io/bound-by-controller";

/// The storage class of a claim; empty if it has none.
#[must_use]
pub fn class_of(claim: &PersistentVolumeClaim) -> &str {
    let annotated = claim
        .metadata
        .annotations
        .get("volume.beta.kubernetes.io/storage-class");
    annotated
        .or(claim.spec.storage_class_name.as_ref())
        .map_or("", String::as_str)
}

/// The storage class of a volume; empty if it has none.
#[must_use]
pub fn class_of_volume(volume: &PersistentVolume) -> &str {
    let annotated = volume
        .metadata
        .annotations
        .get("volume.beta.kubernetes.io/storage-class");
    annotated.unwrap_or(&volume.spec.storage_class_name)
}

/// Whether a claim and its volume know of each other, both ways.
pub(super) fn is_fully_bound(claim: &PersistentVolumeClaim) -> bool {
    !claim.spec.volume_name.is_empty() && claim.metadata.annotations.contains_key(BIND_COMPLETED)
}

/// A volume with its condition on nodes compiled.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) volume: Arc<PersistentVolume>,
    affinity: Option<Arc<NodeSelector>>,
}

impl Candidate {
    pub(super) fn new(volume: Arc<PersistentVolume>) -> Self {
        let affinity = volume.spec.node_affinity.as_deref();
        let required = affinity.and_then(|affinity| affinity.required.as_deref());
        Self {
            affinity: required.map(|required| Arc::new(NodeSelector::lenient(required, &Path::NIL).0)),
            volume,
        }
    }

    /// Whether the volume can be reached from a node.
    pub(super) fn reaches(&self, node: &Node) -> bool {
        self.affinity.as_ref().is_none_or(|affinity| affinity.matches(node))
    }
}

/// How much storage a claim wants.
pub(super) fn requested(claim: &PersistentVolumeClaim) -> Quantity {
    claim.spec.resources.requests.get(STORAGE).cloned().unwrap_or_default()
}

/// How much storage a volume has.
pub(super) fn capacity(volume: &PersistentVolume) -> Quantity {
    volume.spec.capacity.get(STORAGE).cloned().unwrap_or_default()
}

pub(super) fn is_bound_to(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> bool {
    volume.spec.claim_ref.as_deref().is_some_and(|reference| {
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && (reference.uid.is_empty() || reference.uid == claim.metadata.uid)
    })
}

fn mode(mode: Option<&String>) -> &str {
    mode.map_or("Filesystem", String::as_str)
}

/// The volume for a claim on a node: the one that is bound to it in advance, or the smallest that will do.
///
/// # Errors
/// The claim's selector is malformed.
pub(super) fn find<'c>(
    claim: &PersistentVolumeClaim,
    candidates: &'c [Candidate],
    node: &Node,
    taken: &BTreeSet<String>,
) -> Result<Option<&'c Candidate>, String> {
    let selector = match claim.spec.selector.as_deref() {
        None => None,
        Some(selector) => Some(Selector::from_api(Some(selector)).map_err(|error| {
            let (namespace, name) = (&claim.metadata.namespace, &claim.metadata.name);
            format!("error creating internal label selector for claim: {namespace}/{name}: {error}")
        })?),
    };
    let wanted = requested(claim);
    let class = class_of(claim);
    let mut smallest: Option<(&Candidate, Quantity)> = None;
    for candidate in candidates {
        let volume = &*candidate.volume;
        let bound = is_bound_to(volume, claim);
        let size = capacity(volume);
        if taken.contains(&volume.metadata.name)
            || (volume.spec.claim_ref.is_some() && !bound)
            || size < wanted
            || mode(volume.spec.volume_mode.as_ref()) != mode(claim.spec.volume_mode.as_ref())
            || volume.spec.volume_attributes_class_name.as_deref().unwrap_or_default()
                != claim.spec.volume_attributes_class_name.as_deref().unwrap_or_default()
            || volume.metadata.deletion_timestamp.is_some()
        {
            continue;
        }
        if bound {
            return Ok(candidate.reaches(node).then_some(candidate));
        }
        let modes = &volume.spec.access_modes;
        if volume.status.phase != "Available"
            || selector
                .as_ref()
                .is_some_and(|selector| !selector.matches(&volume.metadata.labels))
            || class_of_volume(volume) != class
            || !candidate.reaches(node)
            || !claim.spec.access_modes.iter().all(|mode| modes.contains(mode))
        {
            continue;
        }
        if smallest.as_ref().is_none_or(|(_, smallest)| *smallest > size) {
            smallest = Some((candidate, size));
        }
    }
    Ok(smallest.map(|(candidate, _)| candidate))
}

/// The volume bound to a claim; `None` if it is already.
pub(super) fn bind(volume: &PersistentVolume, claim: &PersistentVolumeClaim) -> Option<PersistentVolume> {
    let mut bound = volume.clone();
    let exact = volume.spec.claim_ref.as_deref().is_some_and(|reference| {
        reference.name == claim.metadata.name
            && reference.namespace == claim.metadata.namespace
            && reference.uid == claim.metadata.uid
    });
    let mut dirty = false;
    if !exact {
        bound.spec.claim_ref = Some(Box::new(ObjectReference {
            kind: "PersistentVolumeClaim".to_owned(),
            api_version: "v1".to_owned(),
            namespace: claim.metadata.namespace.clone(),
            name: claim.metadata.name.clone(),
            uid: claim.metadata.uid.clone(),
            resource_version: claim.metadata.resource_version.clone(),
            ..ObjectReference::default()
        }));
        dirty = true;
    }
    if !is_bound_to(volume, claim) && !bound.metadata.annotations.contains_key(BOUND_BY_CONTROLLER) {
        bound.metadata.annotations.insert(BOUND_BY_CONTROLLER, "yes".to_owned());
        dirty = true;
    }
    dirty.then_some(bound)
}
