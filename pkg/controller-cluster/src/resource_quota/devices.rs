//! Device classes, as quotas ask for them.

use std::sync::Arc;

use client_go::cache::{Lister, SharedInformer};
use k8s_api::core::v1::Pod;
use k8s_api::resource::v1::{DeviceClass, ResourceClaim};
use quota::{ClaimOwner, DeviceClassNames};

const BY_EXTENDED_RESOURCE: &str = "quota-by-extended-resource";

/// Over the caches.
pub(super) struct Devices {
    pub(super) classes: Lister<DeviceClass>,
    pub(super) claims: Lister<ResourceClaim>,
    pub(super) pods: Lister<Pod>,
}

impl std::fmt::Debug for Devices {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Devices").finish_non_exhaustive()
    }
}

/// The lister of device classes, by extended resource too.
pub(super) fn index(classes: &SharedInformer<DeviceClass>) -> Lister<DeviceClass> {
    classes.add_index(BY_EXTENDED_RESOURCE, |class| {
        class.spec.extended_resource_name.iter().cloned().collect()
    });
    classes.lister()
}

/// Name and UID of the pod that controls a claim.
fn controller(claim: &ResourceClaim) -> Option<(&str, &str)> {
    let owners = &claim.metadata.owner_references;
    let owner = owners.iter().find(|owner| owner.controller == Some(true))?;
    (owner.kind == "Pod" && owner.api_version == "v1").then_some((owner.name.as_str(), owner.uid.as_str()))
}

impl DeviceClassNames for Devices {
    fn extended_resource(&self, class: &str) -> Option<String> {
        self.classes.get("", class)?.spec.extended_resource_name.clone()
    }

    fn has_class(&self, extended_resource: &str) -> bool {
        !self.classes.is_empty() && self.classes.count(BY_EXTENDED_RESOURCE, extended_resource) > 0
    }

    fn owner(&self, namespace: &str, claim: &ResourceClaim) -> Option<ClaimOwner> {
        let (name, uid) = controller(claim)?;
        let pod: Arc<Pod> = self.pods.get(namespace, name).filter(|pod| pod.metadata.uid == uid)?;
        let age = |claim: &ResourceClaim| (claim.metadata.creation_timestamp, claim.metadata.name.clone());
        let own = age(claim);
        let others = self.claims.list_namespace(namespace);
        let is_first_claim = !others
            .iter()
            .any(|other| controller(other).is_some_and(|(_, owner)| owner == uid) && age(other) < own);
        Some(ClaimOwner { pod, is_first_claim })
    }
}
