//! Pods and claims, as kubelets write them.

use std::sync::Arc;

use admission_pod::references;
use apimachinery::status::{GroupResource, StatusError};
use apiserver::{admission::Operation, registry::AnyObject};
use k8s_api::core::v1::{PersistentVolumeClaim, Pod, PodResourceClaimStatus};

use super::{NodeRestriction, Write};

/// The annotation of pods that a kubelet mirrors from a file.
const MIRROR: &str = "kubernetes.io/config.mirror";

impl NodeRestriction {
    pub(super) fn judge_pod(&self, write: &Write<'_>) -> Result<(), StatusError> {
        let node = write.node;
        match (write.attributes.subresource, write.attributes.operation) {
            ("", Operation::Create) => self.judge_mirror(write),
            ("", Operation::Delete) => {
                let pod = self.pod(write, write.attributes.name)?;
                if pod.spec.node_name == node {
                    return Ok(());
                }
                let reason = format!("node {node:?} can only delete pods with spec.nodeName set to itself");
                Err(write.refuse(reason))
            }
            ("", operation) => {
                let operation = operation.as_str();
                Err(write.refuse(format!(
                    "unexpected operation {operation:?}, node {node:?} can only create and delete mirror pods"
                )))
            }
            ("status", Operation::Update) => judge_status(write),
            ("status", operation) => Err(write.refuse(format!("unexpected operation {:?}", operation.as_str()))),
            ("eviction", Operation::Create) => {
                let own = write.object.map_or("", |object| object.metadata().name.as_str());
                let name = if write.attributes.name.is_empty() {
                    own
                } else {
                    write.attributes.name
                };
                if name.is_empty() {
                    return Err(write.refuse("could not determine pod from request data"));
                }
                let pod = self.pod(write, name)?;
                if pod.spec.node_name == node {
                    return Ok(());
                }
                let reason = format!("node {node} can only evict pods with spec.nodeName set to itself");
                Err(write.refuse(reason))
            }
            ("eviction", operation) => Err(write.refuse(format!("unexpected operation {}", operation.as_str()))),
            (other, _) => Err(write.refuse(format!(
                "unexpected pod subresource {other:?}, only 'status' and 'eviction' are allowed"
            ))),
        }
    }

    /// The pod, as the cache has it.
    pub(super) fn pod(&self, write: &Write<'_>, name: &str) -> Result<Arc<Pod>, StatusError> {
        let pod = self.objects.pods.get(write.attributes.namespace, name);
        pod.ok_or_else(|| StatusError::not_found(GroupResource::new("", "pods"), name))
    }

    /// A node makes pods only to show what it runs anyway.
    fn judge_mirror(&self, write: &Write<'_>) -> Result<(), StatusError> {
        let node = write.node;
        let pod: &Pod = write.object_as()?;
        if !pod.metadata.annotations.contains_key(MIRROR) {
            return Err(write.refuse(format!(
                "pod does not have {MIRROR:?} annotation, node {node:?} can only create mirror pods"
            )));
        }
        if pod.spec.node_name != node {
            let reason = format!("node {node:?} can only create pods with spec.nodeName set to itself");
            return Err(write.refuse(reason));
        }
        self.judge_owner(write, pod)?;
        match references::api_object(pod) {
            Ok(None) => Ok(()),
            Ok(Some(resource)) => {
                Err(write.refuse(format!("node {node:?} can not create pods that reference {resource}")))
            }
            Err(error) => Err(write.refuse(format!("error checking mirror pod for API references: {error}"))),
        }
    }

    /// The one owner of a mirror pod is the node itself.
    fn judge_owner(&self, write: &Write<'_>, pod: &Pod) -> Result<(), StatusError> {
        let node = write.node;
        let itself = format!("node {node:?} can only create pods with an owner reference set to itself");
        let owner = match pod.metadata.owner_references.as_slice() {
            [owner] => owner,
            [] => return Err(write.refuse(itself)),
            _ => {
                return Err(write.refuse(format!(
                    "node {node:?} can only create pods with a single owner reference set to itself"
                )));
            }
        };
        if owner.api_version != "v1" || owner.kind != "Node" || owner.name != node {
            return Err(write.refuse(itself));
        }
        if owner.controller != Some(true) {
            return Err(write.refuse(format!(
                "node {node:?} can only create pods with a controller owner reference set to itself"
            )));
        }
        if owner.block_owner_deletion == Some(true) {
            return Err(write.refuse(format!(
                "node {node:?} must not set blockOwnerDeletion on an owner reference"
            )));
        }
        let Some(found) = self.objects.nodes.get("", node) else {
            return Err(StatusError::not_found(GroupResource::new("", "nodes"), node));
        };
        if owner.uid != found.metadata.uid {
            let (expected, got) = (&owner.uid, &found.metadata.uid);
            let reason = format!("node {node} UID mismatch: expected {expected} got {got}");
            return Err(write.refuse(reason));
        }
        Ok(())
    }

    /// A node says only how far a claim's expansion is.
    pub(super) fn judge_claim(&self, write: &Write<'_>) -> Result<(), StatusError> {
        if write.attributes.subresource != "status" {
            return Err(write.refuse("may only update PVC status"));
        }
        if write.attributes.operation != Operation::Update {
            let operation = write.attributes.operation.as_str();
            return Err(write.refuse(format!("unexpected operation {operation:?}")));
        }
        let bare = |claim: &PersistentVolumeClaim| {
            let mut claim = claim.clone();
            claim.metadata.resource_version.clear();
            claim.metadata.managed_fields.clear();
            claim.status.capacity.clear();
            claim.status.conditions.clear();
            if self.expansion_recovery {
                claim.status.allocated_resource_statuses.clear();
                claim.status.allocated_resources.clear();
            }
            claim
        };
        let (old, new) = (bare(write.old_as()?), bare(write.object_as()?));
        if old == new {
            return Ok(());
        }
        let node = write.node;
        let (old, new) = (old.to_value(), new.to_value());
        Err(write.refuse(format!(
            "node {node:?} is not allowed to update fields other than status.quantity and status.conditions: {old} became {new}"
        )))
    }
}

fn judge_status(write: &Write<'_>) -> Result<(), StatusError> {
    let node = write.node;
    let (old, new): (&Pod, &Pod) = (write.old_as()?, write.object_as()?);
    if old.spec.node_name != node {
        return Err(write.refuse(format!(
            "node {node:?} can only update pod status for pods with spec.nodeName set to itself"
        )));
    }
    if old.metadata.labels != new.metadata.labels {
        return Err(write.refuse(format!("node {node:?} cannot update labels through pod status")));
    }
    let claims = |pod: &Pod| -> Vec<PodResourceClaimStatus> { pod.status.resource_claim_statuses.clone() };
    if claims(old) != claims(new) {
        return Err(write.refuse(format!("node {node:?} cannot update resource claim statues")));
    }
    if old.status.extended_resource_claim_status != new.status.extended_resource_claim_status {
        return Err(write.refuse(format!("node {node:?} cannot update extended resource claim status")));
    }
    Ok(())
}
