//! [`KubeControllerManagerConfiguration`]: the settings of the manager and of each controller, with upstream's names and
//! defaults. They are given as flags and published at `/configz`.

mod macros;
mod networking;
mod nodes;
mod shared;
mod storage;
mod validation;
mod workloads;

use component_base::flags::{FlagSet, Flags};
use serde::Serialize;

pub use networking::{
    EndpointControllerConfiguration, EndpointSliceControllerConfiguration,
    EndpointSliceMirroringControllerConfiguration, ServiceControllerConfiguration,
};
pub use nodes::{
    DeviceTaintEvictionControllerConfiguration, NodeIpamControllerConfiguration, NodeLifecycleControllerConfiguration,
    ResourceClaimControllerConfiguration,
};
pub use shared::{
    ClientConnection, CloudProviderConfiguration, CsrSigningConfiguration, CsrSigningControllerConfiguration,
    GarbageCollectorControllerConfiguration, GenericConfiguration, GroupResource, KubeCloudSharedConfiguration,
    LeaderMigrationConfiguration, LegacySaTokenCleanerConfiguration, NamespaceControllerConfiguration,
    ResourceQuotaControllerConfiguration, SaControllerConfiguration,
    ValidatingAdmissionPolicyStatusControllerConfiguration,
};
pub use storage::{
    AttachDetachControllerConfiguration, EphemeralVolumeControllerConfiguration,
    PersistentVolumeBinderControllerConfiguration, PersistentVolumeRecyclerConfiguration, VolumeConfiguration,
};
pub use workloads::{
    CronJobControllerConfiguration, DaemonSetControllerConfiguration, DeploymentControllerConfiguration,
    HpaControllerConfiguration, JobControllerConfiguration, PodGcControllerConfiguration,
    ReplicaSetControllerConfiguration, ReplicationControllerConfiguration, StatefulSetControllerConfiguration,
    TtlAfterFinishedControllerConfiguration,
};

/// Nothing: the group exists for compatibility.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DeprecatedControllerConfiguration {}

/// Everything that can be set.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct KubeControllerManagerConfiguration {
    /// `kind`: `KubeControllerManagerConfiguration`.
    #[serde(rename = "kind")]
    pub kind: &'static str,
    /// `apiVersion`: `kubecontrollermanager.config.k8s.io/v1alpha1`.
    #[serde(rename = "apiVersion")]
    pub api_version: &'static str,
    /// The manager itself.
    pub generic: GenericConfiguration,
    /// What is shared with cloud controllers.
    pub kube_cloud_shared: KubeCloudSharedConfiguration,
    /// Volumes attached to nodes.
    pub attach_detach_controller: AttachDetachControllerConfiguration,
    /// The signers of certificates.
    #[serde(rename = "CSRSigningController")]
    pub csr_signing_controller: CsrSigningControllerConfiguration,
    /// Daemon sets.
    pub daemon_set_controller: DaemonSetControllerConfiguration,
    /// Deployments.
    pub deployment_controller: DeploymentControllerConfiguration,
    /// Stateful sets.
    pub stateful_set_controller: StatefulSetControllerConfiguration,
    /// Nothing.
    pub deprecated_controller: DeprecatedControllerConfiguration,
    /// Endpoints.
    pub endpoint_controller: EndpointControllerConfiguration,
    /// Endpoint slices.
    pub endpoint_slice_controller: EndpointSliceControllerConfiguration,
    /// Endpoint slices of endpoints that others write.
    pub endpoint_slice_mirroring_controller: EndpointSliceMirroringControllerConfiguration,
    /// Claims of ephemeral volumes.
    pub ephemeral_volume_controller: EphemeralVolumeControllerConfiguration,
    /// The garbage collector.
    pub garbage_collector_controller: GarbageCollectorControllerConfiguration,
    /// Horizontal pod autoscalers.
    #[serde(rename = "HPAController")]
    pub hpa_controller: HpaControllerConfiguration,
    /// Jobs.
    pub job_controller: JobControllerConfiguration,
    /// Cron jobs.
    pub cron_job_controller: CronJobControllerConfiguration,
    /// Token secrets that nobody uses.
    #[serde(rename = "LegacySATokenCleaner")]
    pub legacy_sa_token_cleaner: LegacySaTokenCleanerConfiguration,
    /// Namespaces.
    pub namespace_controller: NamespaceControllerConfiguration,
    /// Pod networks of nodes.
    #[serde(rename = "NodeIPAMController")]
    pub node_ipam_controller: NodeIpamControllerConfiguration,
    /// Nodes that do not answer.
    pub node_lifecycle_controller: NodeLifecycleControllerConfiguration,
    /// Volumes and claims.
    pub persistent_volume_binder_controller: PersistentVolumeBinderControllerConfiguration,
    /// Pods that have ended.
    #[serde(rename = "PodGCController")]
    pub pod_gc_controller: PodGcControllerConfiguration,
    /// Replica sets.
    pub replica_set_controller: ReplicaSetControllerConfiguration,
    /// Replication controllers.
    pub replication_controller: ReplicationControllerConfiguration,
    /// Quotas.
    pub resource_quota_controller: ResourceQuotaControllerConfiguration,
    /// Service accounts and their tokens.
    #[serde(rename = "SAController")]
    pub sa_controller: SaControllerConfiguration,
    /// Load balancers of clouds.
    pub service_controller: ServiceControllerConfiguration,
    /// Jobs that have finished.
    pub ttl_after_finished_controller: TtlAfterFinishedControllerConfiguration,
    /// The type check of admission policies.
    pub validating_admission_policy_status_controller: ValidatingAdmissionPolicyStatusControllerConfiguration,
    /// Devices with taints.
    pub device_taint_eviction_controller: DeviceTaintEvictionControllerConfiguration,
    /// Resource claims.
    pub resource_claim_controller: ResourceClaimControllerConfiguration,
}

impl Default for KubeControllerManagerConfiguration {
    fn default() -> Self {
        Self {
            kind: "KubeControllerManagerConfiguration",
            api_version: "kubecontrollermanager.config.k8s.io/v1alpha1",
            generic: GenericConfiguration::default(),
            kube_cloud_shared: KubeCloudSharedConfiguration::default(),
            attach_detach_controller: AttachDetachControllerConfiguration::default(),
            csr_signing_controller: CsrSigningControllerConfiguration::default(),
            daemon_set_controller: DaemonSetControllerConfiguration::default(),
            deployment_controller: DeploymentControllerConfiguration::default(),
            stateful_set_controller: StatefulSetControllerConfiguration::default(),
            deprecated_controller: DeprecatedControllerConfiguration::default(),
            endpoint_controller: EndpointControllerConfiguration::default(),
            endpoint_slice_controller: EndpointSliceControllerConfiguration::default(),
            endpoint_slice_mirroring_controller: EndpointSliceMirroringControllerConfiguration::default(),
            ephemeral_volume_controller: EphemeralVolumeControllerConfiguration::default(),
            garbage_collector_controller: GarbageCollectorControllerConfiguration::default(),
            hpa_controller: HpaControllerConfiguration::default(),
            job_controller: JobControllerConfiguration::default(),
            cron_job_controller: CronJobControllerConfiguration::default(),
            legacy_sa_token_cleaner: LegacySaTokenCleanerConfiguration::default(),
            namespace_controller: NamespaceControllerConfiguration::default(),
            node_ipam_controller: NodeIpamControllerConfiguration::default(),
            node_lifecycle_controller: NodeLifecycleControllerConfiguration::default(),
            persistent_volume_binder_controller: PersistentVolumeBinderControllerConfiguration::default(),
            pod_gc_controller: PodGcControllerConfiguration::default(),
            replica_set_controller: ReplicaSetControllerConfiguration::default(),
            replication_controller: ReplicationControllerConfiguration::default(),
            resource_quota_controller: ResourceQuotaControllerConfiguration::default(),
            sa_controller: SaControllerConfiguration::default(),
            service_controller: ServiceControllerConfiguration::default(),
            ttl_after_finished_controller: TtlAfterFinishedControllerConfiguration::default(),
            validating_admission_policy_status_controller:
                ValidatingAdmissionPolicyStatusControllerConfiguration::default(),
            device_taint_eviction_controller: DeviceTaintEvictionControllerConfiguration::default(),
            resource_claim_controller: ResourceClaimControllerConfiguration::default(),
        }
    }
}

impl Flags for KubeControllerManagerConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let groups: [&'a mut dyn Flags; 30] = [
            &mut self.generic,
            &mut self.kube_cloud_shared,
            &mut self.service_controller,
            &mut self.attach_detach_controller,
            &mut self.csr_signing_controller,
            &mut self.deployment_controller,
            &mut self.device_taint_eviction_controller,
            &mut self.resource_claim_controller,
            &mut self.stateful_set_controller,
            &mut self.daemon_set_controller,
            &mut self.endpoint_controller,
            &mut self.endpoint_slice_controller,
            &mut self.endpoint_slice_mirroring_controller,
            &mut self.ephemeral_volume_controller,
            &mut self.garbage_collector_controller,
            &mut self.hpa_controller,
            &mut self.job_controller,
            &mut self.cron_job_controller,
            &mut self.legacy_sa_token_cleaner,
            &mut self.namespace_controller,
            &mut self.node_ipam_controller,
            &mut self.node_lifecycle_controller,
            &mut self.persistent_volume_binder_controller,
            &mut self.pod_gc_controller,
            &mut self.replica_set_controller,
            &mut self.replication_controller,
            &mut self.resource_quota_controller,
            &mut self.sa_controller,
            &mut self.ttl_after_finished_controller,
            &mut self.validating_admission_policy_status_controller,
        ];
        for group in groups {
            group.add_flags(flags);
        }
    }
}
