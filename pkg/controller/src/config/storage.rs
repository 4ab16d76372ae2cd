//! Settings of the controllers behind volumes.

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use serde::Serialize;

use super::macros::configuration;

configuration! {
    /// The controller that attaches volumes to nodes.
    AttachDetachControllerConfiguration in "persistentvolume-attach-detach-controller" {
        disable_reconciler_sync "DisableAttachDetachReconcilerSync": bool = false, "disable-attach-detach-reconcile-sync"
            "does not compare what is attached with what nodes report";
        reconciler_sync_loop_period "ReconcilerSyncLoopPeriod": GoDuration = GoDuration::from_secs(60),
            "attach-detach-reconcile-sync-period"
            "how often that is compared; more than a second";
        disable_force_detach_on_timeout "disableForceDetachOnTimeout": bool = false, "disable-force-detach-on-timeout"
            "never detaches a volume by force because it was not unmounted in time";
    }

    /// The controller of ephemeral volumes' claims.
    EphemeralVolumeControllerConfiguration in "ephemeral-volume-controller" {
        concurrent_syncs "ConcurrentEphemeralVolumeSyncs": i32 = 5, "concurrent-ephemeralvolume-syncs"
            "how many ephemeral volumes are synced at a time";
    }
}

/// How a released volume is scrubbed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersistentVolumeRecyclerConfiguration {
    /// Tries before it is given up.
    #[serde(rename = "MaximumRetry")]
    pub maximum_retry: i32,
    /// Shortest time for an NFS volume, in seconds.
    #[serde(rename = "MinimumTimeoutNFS")]
    pub minimum_timeout_nfs: i32,
    /// The pod that scrubs NFS volumes.
    #[serde(rename = "PodTemplateFilePathNFS")]
    pub pod_template_file_path_nfs: String,
    /// Seconds more for each Gi of an NFS volume.
    #[serde(rename = "IncrementTimeoutNFS")]
    pub increment_timeout_nfs: i32,
    /// The pod that scrubs host paths.
    #[serde(rename = "PodTemplateFilePathHostPath")]
    pub pod_template_file_path_host_path: String,
    /// Shortest time for a host path, in seconds.
    #[serde(rename = "MinimumTimeoutHostPath")]
    pub minimum_timeout_host_path: i32,
    /// Seconds more for each Gi of a host path.
    #[serde(rename = "IncrementTimeoutHostPath")]
    pub increment_timeout_host_path: i32,
}

impl Default for PersistentVolumeRecyclerConfiguration {
    fn default() -> Self {
        Self {
            maximum_retry: 3,
            minimum_timeout_nfs: 300,
            pod_template_file_path_nfs: String::new(),
            increment_timeout_nfs: 30,
            pod_template_file_path_host_path: String::new(),
            minimum_timeout_host_path: 60,
            increment_timeout_host_path: 30,
        }
    }
}

/// What volumes may be made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct VolumeConfiguration {
    /// Whether host paths are provisioned; for tests.
    #[serde(rename = "EnableHostPathProvisioning")]
    pub enable_host_path_provisioning: bool,
    /// Whether volumes are provisioned.
    #[serde(rename = "EnableDynamicProvisioning")]
    pub enable_dynamic_provisioning: bool,
    /// How released volumes are scrubbed.
    #[serde(rename = "PersistentVolumeRecyclerConfiguration")]
    pub recycler: PersistentVolumeRecyclerConfiguration,
    /// Where flex volume plugins lie.
    #[serde(rename = "FlexVolumePluginDir")]
    pub flex_volume_plugin_dir: String,
}

impl Default for VolumeConfiguration {
    fn default() -> Self {
        Self {
            enable_host_path_provisioning: false,
            enable_dynamic_provisioning: true,
            recycler: PersistentVolumeRecyclerConfiguration::default(),
            flex_volume_plugin_dir: "/usr/libexec/kubernetes/kubelet-plugins/volume/exec/".to_owned(),
        }
    }
}

/// The controller that binds claims to volumes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PersistentVolumeBinderControllerConfiguration {
    /// How often everything is looked at.
    #[serde(rename = "PVClaimBinderSyncPeriod")]
    pub sync_period: GoDuration,
    /// What volumes may be made.
    #[serde(rename = "VolumeConfiguration")]
    pub volume: VolumeConfiguration,
}

impl Default for PersistentVolumeBinderControllerConfiguration {
    fn default() -> Self {
        Self {
            sync_period: GoDuration::from_secs(15),
            volume: VolumeConfiguration::default(),
        }
    }
}

impl Flags for PersistentVolumeBinderControllerConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let VolumeConfiguration {
            enable_host_path_provisioning,
            enable_dynamic_provisioning,
            recycler,
            flex_volume_plugin_dir,
        } = &mut self.volume;
        flags.section("persistentvolume-binder-controller");
        flags.add(
            "pvclaimbinder-sync-period",
            &mut self.sync_period,
            "how often volumes and claims are looked at",
        );
        flags.add(
            "pv-recycler-pod-template-filepath-nfs",
            &mut recycler.pod_template_file_path_nfs,
            "the pod that scrubs NFS volumes",
        );
        flags.add(
            "pv-recycler-minimum-timeout-nfs",
            &mut recycler.minimum_timeout_nfs,
            "the least seconds that scrubbing an NFS volume may take",
        );
        flags.add(
            "pv-recycler-increment-timeout-nfs",
            &mut recycler.increment_timeout_nfs,
            "seconds more for each Gi of an NFS volume",
        );
        flags.add(
            "pv-recycler-pod-template-filepath-hostpath",
            &mut recycler.pod_template_file_path_host_path,
            "the pod that scrubs host paths; for clusters of one node",
        );
        flags.add(
            "pv-recycler-minimum-timeout-hostpath",
            &mut recycler.minimum_timeout_host_path,
            "the least seconds that scrubbing a host path may take; for clusters of one node",
        );
        flags.add(
            "pv-recycler-timeout-increment-hostpath",
            &mut recycler.increment_timeout_host_path,
            "seconds more for each Gi of a host path; for clusters of one node",
        );
        flags.add(
            "enable-hostpath-provisioner",
            enable_host_path_provisioning,
            "provision host paths; for tests on clusters of one node",
        );
        flags.add(
            "enable-dynamic-provisioning",
            enable_dynamic_provisioning,
            "provision volumes where a class can",
        );
        flags.add(
            "flex-volume-plugin-dir",
            flex_volume_plugin_dir,
            "where flex volume plugins are looked for",
        );
    }
}
