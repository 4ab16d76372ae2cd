//! In-tree volume plugins whose volumes are served by CSI drivers.

use k8s_api::core::v1::{PersistentVolume, Volume};
use k8s_api::storage::v1::CSINode;

/// The in-tree plugins, and the drivers that took their place.
const MIGRATED: [(&str, &str); 5] = [
    ("kubernetes.io/aws-ebs", "ebs.csi.aws.com"),
    ("kubernetes.io/gce-pd", "pd.csi.storage.gke.io"),
    ("kubernetes.io/azure-disk", "disk.csi.azure.com"),
    ("kubernetes.io/cinder", "cinder.csi.openstack.org"),
    ("kubernetes.io/portworx-volume", "pxd.portworx.com"),
];

/// The driver in the place of an in-tree plugin.
pub(crate) fn driver_of(plugin: &str) -> Option<&'static str> {
    MIGRATED
        .iter()
        .find(|(name, _)| *name == plugin)
        .map(|(_, driver)| *driver)
}

/// A volume of a driver: its name and the handle of the volume.
pub(crate) type Handle = (&'static str, String);

/// What an in-tree volume of a pod is to its driver.
pub(crate) fn inline(volume: &Volume) -> Option<Handle> {
    let (plugin, id) = if let Some(disk) = &volume.aws_elastic_block_store {
        ("kubernetes.io/aws-ebs", disk.volume_id.clone())
    } else if let Some(disk) = &volume.gce_persistent_disk {
        ("kubernetes.io/gce-pd", disk.pd_name.clone())
    } else if let Some(disk) = &volume.azure_disk {
        ("kubernetes.io/azure-disk", disk.disk_uri.clone())
    } else if let Some(disk) = &volume.cinder {
        ("kubernetes.io/cinder", disk.volume_id.clone())
    } else if let Some(disk) = &volume.portworx_volume {
        ("kubernetes.io/portworx-volume", disk.volume_id.clone())
    } else {
        return None;
    };
    Some((driver_of(plugin)?, id))
}

/// What an in-tree persistent volume is to its driver.
pub(crate) fn persistent(volume: &PersistentVolume) -> Option<Handle> {
    let spec = &volume.spec;
    let (plugin, id) = if let Some(disk) = &spec.aws_elastic_block_store {
        ("kubernetes.io/aws-ebs", disk.volume_id.clone())
    } else if let Some(disk) = &spec.gce_persistent_disk {
        ("kubernetes.io/gce-pd", disk.pd_name.clone())
    } else if let Some(disk) = &spec.azure_disk {
        ("kubernetes.io/azure-disk", disk.disk_uri.clone())
    } else if let Some(disk) = &spec.cinder {
        ("kubernetes.io/cinder", disk.volume_id.clone())
    } else if let Some(disk) = &spec.portworx_volume {
        ("kubernetes.io/portworx-volume", disk.volume_id.clone())
    } else {
        return None;
    };
    Some((driver_of(plugin)?, id))
}

/// Whether a node's drivers serve in-tree volumes. They do wherever the node has CSI at all.
pub(crate) fn is_on(node: Option<&CSINode>) -> bool {
    node.is_some()
}
