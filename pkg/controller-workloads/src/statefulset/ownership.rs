//! Who owns a claim, as the set's retention policy has it: the set, the pod that goes, or nobody.

use k8s_api::HasMetadata;
use k8s_api::apps::v1::StatefulSet;
use k8s_api::core::v1::{PersistentVolumeClaim, Pod};
use k8s_api::meta::v1::OwnerReference;

use controller::workload::controller_reference;

use super::identity::is_in_range;

/// What becomes of claims.
struct Policy {
    delete_when_deleted: bool,
    delete_when_scaled: bool,
}

fn policy(set: &StatefulSet) -> Policy {
    let policy = set.spec.persistent_volume_claim_retention_policy.as_ref();
    Policy {
        delete_when_deleted: policy.is_some_and(|policy| policy.when_deleted == "Delete"),
        delete_when_scaled: policy.is_some_and(|policy| policy.when_scaled == "Delete"),
    }
}

fn names<O: HasMetadata>(reference: &OwnerReference, owner: &O) -> bool {
    reference.api_version == O::API_VERSION && reference.kind == O::KIND && reference.name == owner.name()
}

/// Whether a claim is owned by another object of the owner's name, which is about to be collected with it.
pub(super) fn has_stale_owner<O: HasMetadata>(claim: &PersistentVolumeClaim, owner: &O) -> bool {
    claim
        .metadata
        .owner_references
        .iter()
        .find(|reference| names(reference, owner))
        .is_some_and(|reference| reference.uid != owner.metadata().uid)
}

fn has_owner<O: HasMetadata>(claim: &PersistentVolumeClaim, owner: &O) -> bool {
    let uid = &owner.metadata().uid;
    claim
        .metadata
        .owner_references
        .iter()
        .any(|reference| reference.uid == *uid)
}

/// Whether somebody else manages the claim, so that the policy is not for it.
pub(super) fn has_unexpected_controller(claim: &PersistentVolumeClaim, set: &StatefulSet, pod: &Pod) -> bool {
    let Policy {
        delete_when_deleted,
        delete_when_scaled,
    } = policy(set);
    if !delete_when_deleted && !delete_when_scaled {
        return false;
    }
    claim.metadata.owner_references.iter().any(|reference| {
        if names(reference, set) {
            reference.uid != set.metadata.uid
        } else if names(reference, pod) {
            reference.uid != pod.metadata.uid
        } else {
            reference.controller == Some(true)
        }
    })
}

/// Who is to own the claim: the set, the pod.
fn wanted_owners(set: &StatefulSet, pod: &Pod) -> (bool, bool) {
    let policy = policy(set);
    let scaled_down = !is_in_range(set, pod);
    let by_pod = policy.delete_when_scaled && scaled_down;
    (policy.delete_when_deleted && !by_pod, by_pod)
}

pub(super) fn is_up_to_date(claim: &PersistentVolumeClaim, set: &StatefulSet, pod: &Pod) -> bool {
    if has_stale_owner(claim, set) || has_stale_owner(claim, pod) {
        // The collector is about to delete the claim; nothing is to be done before.
        return true;
    }
    if has_unexpected_controller(claim, set, pod) {
        return !has_owner(claim, set) && !has_owner(claim, pod);
    }
    let mine = |reference: &&OwnerReference| reference.uid == set.metadata.uid || reference.uid == pod.metadata.uid;
    let owners = &claim.metadata.owner_references;
    if owners
        .iter()
        .filter(mine)
        .any(|reference| reference.controller != Some(true))
    {
        return false;
    }
    (has_owner(claim, set), has_owner(claim, pod)) == wanted_owners(set, pod)
}

/// Makes the owners those that the policy wants.
pub(super) fn update(claim: &mut PersistentVolumeClaim, set: &StatefulSet, pod: &Pod) {
    let others_manage = has_unexpected_controller(claim, set, pod);
    let owners = &mut claim.metadata.owner_references;
    owners.retain(|reference| !names(reference, set) && !names(reference, pod));
    if others_manage {
        return;
    }
    let (by_set, by_pod) = wanted_owners(set, pod);
    if by_set {
        owners.push(controller_reference(set));
    }
    if by_pod {
        owners.push(controller_reference(pod));
    }
}
