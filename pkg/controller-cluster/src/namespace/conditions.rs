//! What a namespace's status tells of its end: five conditions, each good until something speaks against it.

use std::collections::BTreeMap;

use client_go::GroupVersionResource;
use k8s_api::core::v1::{Namespace, NamespaceCondition};
use k8s_api::primitives::Time;

/// Type, reason and message of each condition while all is well, in the order in which they are added.
const GOOD: [(&str, &str, &str); 5] = [
    (
        "NamespaceDeletionDiscoveryFailure",
        "ResourcesDiscovered",
        "All resources successfully discovered",
    ),
    (
        "NamespaceDeletionGroupVersionParsingFailure",
        "ParsedGroupVersions",
        "All legacy kube types successfully parsed",
    ),
    (
        "NamespaceDeletionContentFailure",
        "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization",
    ),
    (
        "NamespaceContentRemaining",
        "ContentRemoved",
        "All content successfully removed",
    ),
    (
        "NamespaceFinalizersRemaining",
        "ContentHasNoFinalizers",
        "All content-preserving finalizers finished",
    ),
];

/// What went wrong and what remains.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// Why not everything could be discovered.
    pub(super) discovery: Option<String>,
    /// Why contents could not be deleted.
    pub(super) content: Vec<String>,
    /// How many objects of a resource remain.
    pub(super) remaining: BTreeMap<GroupVersionResource, usize>,
    /// How many objects a finalizer holds.
    pub(super) finalizers: BTreeMap<String, usize>,
}

impl Findings {
    /// Reason and message against a condition.
    fn against(&self, type_: &str) -> Option<(&'static str, String)> {
        match type_ {
            "NamespaceDeletionDiscoveryFailure" => Some(("DiscoveryFailed", self.discovery.clone()?)),
            "NamespaceDeletionContentFailure" if !self.content.is_empty() => {
                let mut errors = self.content.clone();
                errors.sort();
                let message = format!(
                    "Failed to delete all resource types, {} remaining: {}",
                    errors.len(),
                    errors.join(", ")
                );
                Some(("ContentDeletionFailed", message))
            }
            "NamespaceContentRemaining" if !self.remaining.is_empty() => {
                let instances = |(resource, count): (&GroupVersionResource, &usize)| {
                    format!(
                        "{}.{} has {count} resource instances",
                        resource.resource, resource.group
                    )
                };
                let mut instances: Vec<_> = self.remaining.iter().map(instances).collect();
                instances.sort();
                let message = format!("Some resources are remaining: {}", instances.join(", "));
                Some(("SomeResourcesRemain", message))
            }
            "NamespaceFinalizersRemaining" if !self.finalizers.is_empty() => {
                let instances =
                    |(finalizer, count): (&String, &usize)| format!("{finalizer} in {count} resource instances");
                let mut instances: Vec<_> = self.finalizers.iter().map(instances).collect();
                instances.sort();
                let message = format!(
                    "Some content in the namespace has finalizers remaining: {}",
                    instances.join(", ")
                );
                Some(("SomeFinalizersRemain", message))
            }
            _ => None,
        }
    }

    /// Writes the conditions into a status. Tells whether anything changed.
    pub(super) fn write(&self, namespace: &mut Namespace, now: Time) -> bool {
        let conditions = &mut namespace.status.conditions;
        let mut changed = false;
        for (type_, reason, message) in GOOD {
            let (status, reason, message) = match self.against(type_) {
                Some((reason, message)) => ("True", reason, message),
                None => ("False", reason, message.to_owned()),
            };
            let Some(present) = conditions.iter_mut().find(|condition| condition.type_ == type_) else {
                conditions.push(NamespaceCondition {
                    type_: type_.to_owned(),
                    status: status.to_owned(),
                    reason: reason.to_owned(),
                    message,
                    last_transition_time: Some(now),
                });
                changed = true;
                continue;
            };
            if present.status == status && present.reason == reason && present.message == message {
                continue;
            }
            if present.status != status {
                present.last_transition_time = Some(now);
                status.clone_into(&mut present.status);
            }
            reason.clone_into(&mut present.reason);
            present.message = message;
            changed = true;
        }
        changed
    }
}
