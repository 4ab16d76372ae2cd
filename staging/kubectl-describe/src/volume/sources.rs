//! What the sources of volumes show.

use crate::fields::Field;

/// A source: its member, what it is, and its fields.
pub(super) type Source = (&'static str, &'static str, &'static [Field]);

const ISCSI: &str =
    "ISCSI (an ISCSI Disk resource that is attached to a kubelet's host machine and then exposed to the pod)";
const SCALE_IO: &str = "ScaleIO (a persistent volume backed by a block device in ScaleIO)";
const AZURE_FILE: &str = "AzureFile (an Azure File Service mount on the host and bind mount to the pod)";
const GLUSTERFS: &str = "Glusterfs (a Glusterfs mount on the host that shares a pod's lifetime)";
/// What stands for a reference to no secret.
const NO_REFERENCE: &str = "nil";

/// Those of pods and of persistent volumes.
#[rustfmt::skip]
pub(super) const SHARED: &[Source] = &[
    ("hostPath", "HostPath (bare host directory volume)", &[("Path:", "/path", ""), ("HostPathType:", "/type", "<none>")]),
    ("gcePersistentDisk", "GCEPersistentDisk (a Persistent Disk resource in Google Compute Engine)", &[("PDName:", "/pdName", ""), ("FSType:", "/fsType", ""), ("Partition:", "/partition", "0"), ("ReadOnly:", "/readOnly", "false")]),
    ("awsElasticBlockStore", "AWSElasticBlockStore (a Persistent Disk resource in AWS)", &[("VolumeID:", "/volumeID", ""), ("FSType:", "/fsType", ""), ("Partition:", "/partition", "0"), ("ReadOnly:", "/readOnly", "false")]),
    ("nfs", "NFS (an NFS mount that lasts the lifetime of a pod)", &[("Server:", "/server", ""), ("Path:", "/path", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("iscsi", ISCSI, &[("TargetPortal:", "/targetPortal", ""), ("IQN:", "/iqn", ""), ("Lun:", "/lun", "0"), ("ISCSIInterface", "/iscsiInterface", ""), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false"), ("Portals:", "/portals", "[]"), ("DiscoveryCHAPAuth:", "/chapAuthDiscovery", "false"), ("SessionCHAPAuth:", "/chapAuthSession", "false"), ("SecretRef:", "/secretRef", NO_REFERENCE), ("InitiatorName:", "/initiatorName", "<none>")]),
    ("rbd", "RBD (a Rados Block Device mount on the host that shares a pod's lifetime)", &[("CephMonitors:", "/monitors", "[]"), ("RBDImage:", "/image", ""), ("FSType:", "/fsType", ""), ("RBDPool:", "/pool", ""), ("RadosUser:", "/user", ""), ("Keyring:", "/keyring", ""), ("SecretRef:", "/secretRef", NO_REFERENCE), ("ReadOnly:", "/readOnly", "false")]),
    ("quobyte", "Quobyte (a Quobyte mount on the host that shares a pod's lifetime)", &[("Registry:", "/registry", ""), ("Volume:", "/volume", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("vsphereVolume", "vSphereVolume (a Persistent Disk resource in vSphere)", &[("VolumePath:", "/volumePath", ""), ("FSType:", "/fsType", ""), ("StoragePolicyName:", "/storagePolicyName", "")]),
    ("cinder", "Cinder (a Persistent Disk resource in OpenStack)", &[("VolumeID:", "/volumeID", ""), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false"), ("SecretRef:", "/secretRef", NO_REFERENCE)]),
    ("azureDisk", "AzureDisk (an Azure Data Disk mount on the host and bind mount to the pod)", &[("DiskName:", "/diskName", ""), ("DiskURI:", "/diskURI", ""), ("Kind: ", "/kind", ""), ("FSType:", "/fsType", ""), ("CachingMode:", "/cachingMode", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("photonPersistentDisk", "PhotonPersistentDisk (a Persistent Disk resource in photon platform)", &[("PdID:", "/pdID", ""), ("FSType:", "/fsType", "")]),
    ("portworxVolume", "PortworxVolume (a Portworx Volume resource)", &[("VolumeID:", "/volumeID", "")]),
    ("cephfs", "CephFS (a CephFS mount on the host that shares a pod's lifetime)", &[("Monitors:", "/monitors", "[]"), ("Path:", "/path", ""), ("User:", "/user", ""), ("SecretFile:", "/secretFile", ""), ("SecretRef:", "/secretRef", NO_REFERENCE), ("ReadOnly:", "/readOnly", "false")]),
    ("storageos", "StorageOS (a StorageOS Persistent Disk resource)", &[("VolumeName:", "/volumeName", ""), ("VolumeNamespace:", "/volumeNamespace", ""), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("fc", "FC (a Fibre Channel disk)", &[("TargetWWNs:", "/targetWWNs", ""), ("LUN:", "/lun", "<none>"), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("flexVolume", "FlexVolume (a generic volume resource that is provisioned/attached using an exec based plugin)", &[("Driver:", "/driver", ""), ("FSType:", "/fsType", ""), ("SecretRef:", "/secretRef", NO_REFERENCE), ("ReadOnly:", "/readOnly", "false"), ("Options:", "/options", "map[]")]),
    ("flocker", "Flocker (a Flocker volume mounted by the Flocker agent)", &[("DatasetName:", "/datasetName", ""), ("DatasetUUID:", "/datasetUUID", "")]),
];

/// Those of pods alone.
#[rustfmt::skip]
pub(super) const OF_PODS: &[Source] = &[
    ("emptyDir", "EmptyDir (a temporary directory that shares a pod's lifetime)", &[("Medium:", "/medium", ""), ("SizeLimit:", "/sizeLimit", "<unset>")]),
    ("gitRepo", "GitRepo (a volume that is pulled from git when the pod is created)", &[("Repository:", "/repository", ""), ("Revision:", "/revision", "")]),
    ("secret", "Secret (a volume populated by a Secret)", &[("SecretName:", "/secretName", ""), ("Optional:", "/optional", "false")]),
    ("configMap", "ConfigMap (a volume populated by a ConfigMap)", &[("Name:", "/name", ""), ("Optional:", "/optional", "false")]),
    ("glusterfs", GLUSTERFS, &[("EndpointsName:", "/endpoints", ""), ("Path:", "/path", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("persistentVolumeClaim", "PersistentVolumeClaim (a reference to a PersistentVolumeClaim in the same namespace)", &[("ClaimName:", "/claimName", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("scaleIO", SCALE_IO, &[("Gateway:", "/gateway", ""), ("System:", "/system", ""), ("Protection Domain:", "/protectionDomain", ""), ("Storage Pool:", "/storagePool", ""), ("Storage Mode:", "/storageMode", ""), ("VolumeName:", "/volumeName", ""), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("azureFile", AZURE_FILE, &[("SecretName:", "/secretName", ""), ("ShareName:", "/shareName", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("image", "Image (a container image or OCI artifact)", &[("Reference:", "/reference", ""), ("PullPolicy:", "/pullPolicy", "")]),
    ("csi", super::CSI, &[("Driver:", "/driver", ""), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false")]),
];

/// Those of persistent volumes alone.
#[rustfmt::skip]
pub(super) const OF_PERSISTENT_VOLUMES: &[Source] = &[
    ("glusterfs", GLUSTERFS, &[("EndpointsName:", "/endpoints", ""), ("EndpointsNamespace:", "/endpointsNamespace", "<unset>"), ("Path:", "/path", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("scaleIO", SCALE_IO, &[("Gateway:", "/gateway", ""), ("System:", "/system", ""), ("Protection Domain:", "/protectionDomain", ""), ("Storage Pool:", "/storagePool", ""), ("Storage Mode:", "/storageMode", ""), ("VolumeName:", "/volumeName", ""), ("SecretName:", "/secretRef/name", ""), ("SecretNamespace:", "/secretRef/namespace", ""), ("FSType:", "/fsType", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("local", "LocalVolume (a persistent volume backed by local storage on a node)", &[("Path:", "/path", "")]),
    ("azureFile", AZURE_FILE, &[("SecretName:", "/secretName", ""), ("SecretNamespace:", "/secretNamespace", ""), ("ShareName:", "/shareName", ""), ("ReadOnly:", "/readOnly", "false")]),
    ("csi", super::CSI, &[("Driver:", "/driver", ""), ("FSType:", "/fsType", ""), ("VolumeHandle:", "/volumeHandle", ""), ("ReadOnly:", "/readOnly", "false")]),
];
