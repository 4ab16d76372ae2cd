//! Which volumes a node's pods need attached.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_lc_rs::digest;
use controller_objects::pods::claim_names;
use k8s_api::core::v1::{PersistentVolume, Pod};

use super::AttachDetach;

/// A volume that is to be attached to a node, and the pods that need it.
pub(super) struct Desired {
    pub(super) volume: Arc<PersistentVolume>,
    /// The CSI driver.
    pub(super) driver: String,
    /// The volume's name in the node's status.
    pub(super) unique_name: String,
    pub(super) pods: Vec<Arc<Pod>>,
}

/// The driver's name and its name for the volume.
fn csi(volume: &PersistentVolume) -> Option<(&str, &str)> {
    let source = volume.spec.csi.as_ref()?;
    Some((&source.driver, &source.volume_handle))
}

/// The name of a volume in the statuses of nodes.
pub(super) fn unique_name(volume: &PersistentVolume) -> Option<String> {
    csi(volume).map(|(driver, handle)| format!("kubernetes.io/csi/{driver}^{handle}"))
}

/// The name of the attachment of a volume to a node.
pub(super) fn attachment_name(volume: &PersistentVolume, node: &str) -> Option<String> {
    let (driver, handle) = csi(volume)?;
    let hash = digest::digest(&digest::SHA256, format!("{handle}{driver}{node}").as_bytes());
    Some(format!("csi-{}", hex::encode(hash)))
}

/// Whether an attachment of this name may be one of ours.
pub(super) fn is_attachment_name(name: &str) -> bool {
    let hash = name.strip_prefix("csi-");
    hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Whether a volume may be attached to several nodes at once.
pub(super) fn may_be_shared(volume: &PersistentVolume) -> bool {
    let modes = &volume.spec.access_modes;
    modes.is_empty()
        || modes
            .iter()
            .any(|mode| mode == "ReadWriteMany" || mode == "ReadOnlyMany")
}

impl AttachDetach {
    /// What pods on one node need, by the name of the attachment.
    pub(super) fn desired(&self, node: &str, pods: &[Arc<Pod>]) -> BTreeMap<String, Desired> {
        let mut desired: BTreeMap<String, Desired> = BTreeMap::new();
        for pod in pods {
            let namespace = &pod.metadata.namespace;
            let claims = claim_names(pod).filter_map(|name| self.claims.get(namespace, &name));
            let volumes = claims.filter_map(|claim| {
                let volume = self.volumes.get("", &claim.spec.volume_name)?;
                let reference = volume.spec.claim_ref.as_ref()?;
                (reference.uid == claim.metadata.uid).then_some(volume)
            });
            for volume in volumes {
                let Some((driver, _)) = csi(&volume) else {
                    continue;
                };
                if !self.is_attachable(driver) {
                    continue;
                }
                let (Some(name), Some(unique_name)) = (attachment_name(&volume, node), unique_name(&volume)) else {
                    continue;
                };
                let entry = desired.entry(name).or_insert_with(|| Desired {
                    driver: driver.to_owned(),
                    unique_name,
                    volume: volume.clone(),
                    pods: Vec::new(),
                });
                entry.pods.push(pod.clone());
            }
        }
        desired
    }

    /// Whether a driver's volumes need attaching; of one that has not said so they do.
    fn is_attachable(&self, driver: &str) -> bool {
        let driver = self.drivers.get("", driver);
        driver.and_then(|driver| driver.spec.attach_required).unwrap_or(true)
    }
}
