//! A volume's source as errors about its change show it: every kind by its Go name, absent ones as
//! `null`.

use k8s_api::core::v1::{
    NodeSelectorRequirement, NodeSelectorTerm, ObjectReference, PersistentVolumeSpec, SecretReference,
    VolumeNodeAffinity,
};

use crate::go_value::GoValue;

/// An object of the named fields of `$value`.
macro_rules! show {
    ($value:expr, { $($name:literal: $field:ident),* $(,)? }) => {
        GoValue::object([$(($name, (&$value.$field).into())),*])
    };
}

/// The object of a source that is present.
macro_rules! source {
    ($value:expr, { $($name:literal: $field:ident),* $(,)? }) => {
        GoValue::pointer($value.as_deref(), |it| show!(it, { $($name: $field),* }))
    };
}

impl From<&Box<SecretReference>> for GoValue {
    fn from(reference: &Box<SecretReference>) -> Self {
        show!(reference, {"Name": name, "Namespace": namespace})
    }
}

impl From<&Box<ObjectReference>> for GoValue {
    fn from(reference: &Box<ObjectReference>) -> Self {
        show!(reference, {
            "Kind": kind, "Namespace": namespace, "Name": name, "UID": uid, "APIVersion": api_version,
            "ResourceVersion": resource_version, "FieldPath": field_path,
        })
    }
}

/// The sources of a volume, all twenty-two.
pub(super) fn show_source(spec: &PersistentVolumeSpec) -> GoValue {
    let block = |read_only: bool, partition: i32, fs_type: &String, (name, id): (&'static str, &String)| {
        GoValue::object([
            (name, id.into()),
            ("FSType", fs_type.into()),
            ("Partition", partition.into()),
            ("ReadOnly", read_only.into()),
        ])
    };
    let gce = GoValue::pointer(spec.gce_persistent_disk.as_deref(), |it| {
        block(it.read_only, it.partition, &it.fs_type, ("PDName", &it.pd_name))
    });
    let aws = GoValue::pointer(spec.aws_elastic_block_store.as_deref(), |it| {
        block(it.read_only, it.partition, &it.fs_type, ("VolumeID", &it.volume_id))
    });
    let [glusterfs, nfs, rbd, quobyte, iscsi] = show_network_sources(spec);
    let [flex, cinder, cephfs, fc, flocker] = show_cluster_sources(spec);
    let [azure_file, vsphere, azure_disk, photon, portworx, scale_io] = show_vendor_sources(spec);
    GoValue::object([
        ("GCEPersistentDisk", gce),
        ("AWSElasticBlockStore", aws),
        ("HostPath", source!(spec.host_path, {"Path": path, "Type": type_})),
        ("Glusterfs", glusterfs),
        ("NFS", nfs),
        ("RBD", rbd),
        ("Quobyte", quobyte),
        ("ISCSI", iscsi),
        ("FlexVolume", flex),
        ("Cinder", cinder),
        ("CephFS", cephfs),
        ("FC", fc),
        ("Flocker", flocker),
        ("AzureFile", azure_file),
        ("VsphereVolume", vsphere),
        ("AzureDisk", azure_disk),
        ("PhotonPersistentDisk", photon),
        ("PortworxVolume", portworx),
        ("ScaleIO", scale_io),
        ("Local", source!(spec.local, {"Path": path, "FSType": fs_type})),
        (
            "StorageOS",
            source!(spec.storageos, {
                "VolumeName": volume_name, "VolumeNamespace": volume_namespace, "FSType": fs_type,
                "ReadOnly": read_only, "SecretRef": secret_ref,
            }),
        ),
        (
            "CSI",
            source!(spec.csi, {
                "Driver": driver, "VolumeHandle": volume_handle, "ReadOnly": read_only, "FSType": fs_type,
                "VolumeAttributes": volume_attributes,
                "ControllerPublishSecretRef": controller_publish_secret_ref,
                "NodeStageSecretRef": node_stage_secret_ref,
                "NodePublishSecretRef": node_publish_secret_ref,
                "ControllerExpandSecretRef": controller_expand_secret_ref,
                "NodeExpandSecretRef": node_expand_secret_ref,
            }),
        ),
    ])
}

fn show_network_sources(spec: &PersistentVolumeSpec) -> [GoValue; 5] {
    [
        source!(spec.glusterfs, {
            "EndpointsName": endpoints, "Path": path, "ReadOnly": read_only, "EndpointsNamespace": endpoints_namespace,
        }),
        source!(spec.nfs, {"Server": server, "Path": path, "ReadOnly": read_only}),
        source!(spec.rbd, {
            "CephMonitors": monitors, "RBDImage": image, "FSType": fs_type, "RBDPool": pool, "RadosUser": user,
            "Keyring": keyring, "SecretRef": secret_ref, "ReadOnly": read_only,
        }),
        source!(spec.quobyte, {
            "Registry": registry, "Volume": volume, "ReadOnly": read_only, "User": user, "Group": group,
            "Tenant": tenant,
        }),
        source!(spec.iscsi, {
            "TargetPortal": target_portal, "IQN": iqn, "Lun": lun, "ISCSIInterface": iscsi_interface,
            "FSType": fs_type, "ReadOnly": read_only, "Portals": portals,
            "DiscoveryCHAPAuth": chap_auth_discovery, "SessionCHAPAuth": chap_auth_session,
            "SecretRef": secret_ref, "InitiatorName": initiator_name,
        }),
    ]
}

fn show_cluster_sources(spec: &PersistentVolumeSpec) -> [GoValue; 5] {
    [
        source!(spec.flex_volume, {
            "Driver": driver, "FSType": fs_type, "SecretRef": secret_ref, "ReadOnly": read_only, "Options": options,
        }),
        source!(spec.cinder, {
            "VolumeID": volume_id, "FSType": fs_type, "ReadOnly": read_only, "SecretRef": secret_ref,
        }),
        source!(spec.cephfs, {
            "Monitors": monitors, "Path": path, "User": user, "SecretFile": secret_file, "SecretRef": secret_ref,
            "ReadOnly": read_only,
        }),
        source!(spec.fc, {
            "TargetWWNs": target_wwns, "Lun": lun, "FSType": fs_type, "ReadOnly": read_only, "WWIDs": wwids,
        }),
        source!(spec.flocker, {"DatasetName": dataset_name, "DatasetUUID": dataset_uuid}),
    ]
}

fn show_vendor_sources(spec: &PersistentVolumeSpec) -> [GoValue; 6] {
    [
        source!(spec.azure_file, {
            "SecretName": secret_name, "ShareName": share_name, "ReadOnly": read_only,
            "SecretNamespace": secret_namespace,
        }),
        source!(spec.vsphere_volume, {
            "VolumePath": volume_path, "FSType": fs_type, "StoragePolicyName": storage_policy_name,
            "StoragePolicyID": storage_policy_id,
        }),
        source!(spec.azure_disk, {
            "DiskName": disk_name, "DataDiskURI": disk_uri, "CachingMode": caching_mode, "FSType": fs_type,
            "ReadOnly": read_only, "Kind": kind,
        }),
        source!(spec.photon_persistent_disk, {"PdID": pd_id, "FSType": fs_type}),
        source!(spec.portworx_volume, {"VolumeID": volume_id, "FSType": fs_type, "ReadOnly": read_only}),
        source!(spec.scale_io, {
            "Gateway": gateway, "System": system, "SecretRef": secret_ref, "SSLEnabled": ssl_enabled,
            "ProtectionDomain": protection_domain, "StoragePool": storage_pool, "StorageMode": storage_mode,
            "VolumeName": volume_name, "FSType": fs_type, "ReadOnly": read_only,
        }),
    ]
}

/// A volume's node affinity.
pub(super) fn show_affinity(affinity: &VolumeNodeAffinity) -> GoValue {
    let requirement = |it: &NodeSelectorRequirement| show!(it, {"Key": key, "Operator": operator, "Values": values});
    let term = |it: &NodeSelectorTerm| {
        GoValue::object([
            ("MatchExpressions", GoValue::list(&it.match_expressions, requirement)),
            ("MatchFields", GoValue::list(&it.match_fields, requirement)),
        ])
    };
    let selector = GoValue::pointer(affinity.required.as_deref(), |it| {
        GoValue::object([("NodeSelectorTerms", GoValue::list(&it.node_selector_terms, term))])
    });
    GoValue::object([("Required", selector)])
}
