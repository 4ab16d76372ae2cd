//! The members of the internal types that a pod's spec is made of, in the order of declaration.
//!
//! Facts only. A member is its Go name; its JSON name follows from it unless it stands behind `=`.
//! `*` is embedded metadata, which prints under its JSON names.

/// What is known of a type.
pub(super) enum Row {
    /// An internal type: Go names and JSON names.
    Internal(Vec<(&'static str, String)>),
    /// A type with JSON names, whose absent members are left out.
    Tagged(&'static [&'static str]),
}

const TAGGED: &[(&str, &[&str])] = &[
    ("LabelSelector", &["matchLabels", "matchExpressions"]),
    ("LabelSelectorRequirement", &["key", "operator", "values"]),
];

/// The row of the type of this name.
///
/// # Panics
/// If a pod's spec does not contain the type.
pub(super) fn row(name: &str) -> Row {
    if let Some((_, names)) = TAGGED.iter().find(|(tagged, _)| *tagged == name) {
        return Row::Tagged(names);
    }
    let index = TYPES
        .binary_search_by(|(row, _)| (*row).cmp(name))
        .expect("every type within a pod's spec has a row");
    let members = TYPES[index].1.split(' ').map(|member| match member.split_once('=') {
        Some((go, json)) => (go, json.to_owned()),
        None => (member, json_name(member)),
    });
    Row::Internal(members.collect())
}

/// `DNSPolicy` is `dnsPolicy`: capitals in front become small, but for one that begins a word.
fn json_name(go: &str) -> String {
    let capitals = go.bytes().take_while(u8::is_ascii_uppercase).count();
    let small = match capitals {
        0 | 1 => capitals,
        all if all == go.len() => all,
        some if go.as_bytes()[some].is_ascii_lowercase() => some - 1,
        some => some,
    };
    format!("{}{}", go[..small].to_ascii_lowercase(), &go[small..])
}

/// One type a row, sorted by name.
const TYPES: &[(&str, &str)] = &[
    ("AWSElasticBlockStoreVolumeSource", "VolumeID FSType Partition ReadOnly"),
    ("Affinity", "NodeAffinity PodAffinity PodAntiAffinity"),
    ("AppArmorProfile", "Type LocalhostProfile"),
    (
        "AzureDiskVolumeSource",
        "DiskName DataDiskURI=diskURI CachingMode FSType ReadOnly Kind",
    ),
    ("AzureFileVolumeSource", "SecretName ShareName ReadOnly"),
    (
        "CSIVolumeSource",
        "Driver ReadOnly FSType VolumeAttributes NodePublishSecretRef",
    ),
    ("Capabilities", "Add Drop"),
    ("CephFSVolumeSource", "Monitors Path User SecretFile SecretRef ReadOnly"),
    ("CinderVolumeSource", "VolumeID FSType ReadOnly SecretRef"),
    (
        "ClusterTrustBundleProjection",
        "Name SignerName LabelSelector Optional Path",
    ),
    ("ConfigMapEnvSource", "Name Optional"),
    ("ConfigMapKeySelector", "Name Key Optional"),
    ("ConfigMapProjection", "Name Items Optional"),
    ("ConfigMapVolumeSource", "Name Items DefaultMode Optional"),
    (
        "Container",
        "Name Image Command Args WorkingDir Ports EnvFrom Env Resources ResizePolicy RestartPolicy RestartPolicyRules VolumeMounts VolumeDevices LivenessProbe ReadinessProbe StartupProbe Lifecycle TerminationMessagePath TerminationMessagePolicy ImagePullPolicy SecurityContext Stdin StdinOnce TTY",
    ),
    ("ContainerPort", "Name HostPort ContainerPort Protocol HostIP"),
    ("ContainerResizePolicy", "ResourceName RestartPolicy"),
    ("ContainerRestartRule", "Action ExitCodes"),
    ("ContainerRestartRuleOnExitCodes", "Operator Values"),
    ("DownwardAPIProjection", "Items"),
    ("DownwardAPIVolumeFile", "Path FieldRef ResourceFieldRef Mode"),
    ("DownwardAPIVolumeSource", "Items DefaultMode"),
    ("EmptyDirVolumeSource", "Medium SizeLimit"),
    ("EnvFromSource", "Prefix ConfigMapRef SecretRef"),
    ("EnvVar", "Name Value ValueFrom"),
    (
        "EnvVarSource",
        "FieldRef ResourceFieldRef ConfigMapKeyRef SecretKeyRef FileKeyRef",
    ),
    (
        "EphemeralContainer",
        "Name Image Command Args WorkingDir Ports EnvFrom Env Resources ResizePolicy RestartPolicy RestartPolicyRules VolumeMounts VolumeDevices LivenessProbe ReadinessProbe StartupProbe Lifecycle TerminationMessagePath TerminationMessagePolicy ImagePullPolicy SecurityContext Stdin StdinOnce TTY TargetContainerName",
    ),
    ("EphemeralVolumeSource", "VolumeClaimTemplate"),
    ("ExecAction", "Command"),
    ("FCVolumeSource", "TargetWWNs Lun FSType ReadOnly WWIDs=wwids"),
    ("FileKeySelector", "VolumeName Path Key Optional"),
    ("FlexVolumeSource", "Driver FSType SecretRef ReadOnly Options"),
    ("FlockerVolumeSource", "DatasetName DatasetUUID"),
    ("GCEPersistentDiskVolumeSource", "PDName FSType Partition ReadOnly"),
    ("GRPCAction", "Port Service"),
    ("GitRepoVolumeSource", "Repository Revision Directory"),
    ("GlusterfsVolumeSource", "EndpointsName=endpoints Path ReadOnly"),
    ("HTTPGetAction", "Path Port Host Scheme HTTPHeaders"),
    ("HTTPHeader", "Name Value"),
    ("HostAlias", "IP Hostnames"),
    ("HostPathVolumeSource", "Path Type"),
    (
        "ISCSIVolumeSource",
        "TargetPortal IQN Lun ISCSIInterface FSType ReadOnly Portals DiscoveryCHAPAuth=chapAuthDiscovery SessionCHAPAuth=chapAuthSession SecretRef InitiatorName",
    ),
    ("ImageVolumeSource", "Reference PullPolicy"),
    ("KeyToPath", "Key Path Mode"),
    ("Lifecycle", "PostStart PreStop StopSignal"),
    ("LifecycleHandler", "Exec HTTPGet TCPSocket Sleep"),
    ("LocalObjectReference", "Name"),
    ("NFSVolumeSource", "Server Path ReadOnly"),
    (
        "NodeAffinity",
        "RequiredDuringSchedulingIgnoredDuringExecution PreferredDuringSchedulingIgnoredDuringExecution",
    ),
    ("NodeSelector", "NodeSelectorTerms"),
    ("NodeSelectorRequirement", "Key Operator Values"),
    ("NodeSelectorTerm", "MatchExpressions MatchFields"),
    ("ObjectFieldSelector", "APIVersion FieldPath"),
    (
        "PersistentVolumeClaimSpec",
        "AccessModes Selector Resources VolumeName StorageClassName VolumeMode DataSource DataSourceRef VolumeAttributesClassName",
    ),
    ("PersistentVolumeClaimTemplate", "*=metadata Spec"),
    ("PersistentVolumeClaimVolumeSource", "ClaimName ReadOnly"),
    ("PhotonPersistentDiskVolumeSource", "PdID FSType"),
    (
        "PodAffinity",
        "RequiredDuringSchedulingIgnoredDuringExecution PreferredDuringSchedulingIgnoredDuringExecution",
    ),
    (
        "PodAffinityTerm",
        "LabelSelector Namespaces TopologyKey NamespaceSelector MatchLabelKeys MismatchLabelKeys",
    ),
    (
        "PodAntiAffinity",
        "RequiredDuringSchedulingIgnoredDuringExecution PreferredDuringSchedulingIgnoredDuringExecution",
    ),
    (
        "PodCertificateProjection",
        "SignerName KeyType MaxExpirationSeconds CredentialBundlePath KeyPath CertificateChainPath UserAnnotations",
    ),
    ("PodDNSConfig", "Nameservers Searches Options"),
    ("PodDNSConfigOption", "Name Value"),
    ("PodOS", "Name"),
    ("PodReadinessGate", "ConditionType"),
    ("PodResourceClaim", "Name ResourceClaimName ResourceClaimTemplateName"),
    ("PodSchedulingGate", "Name"),
    ("PodSchedulingGroup", "PodGroupName"),
    (
        "PodSecurityContext",
        "HostNetwork HostPID HostIPC ShareProcessNamespace HostUsers SELinuxOptions WindowsOptions RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup FSGroupChangePolicy Sysctls SeccompProfile AppArmorProfile SELinuxChangePolicy",
    ),
    (
        "PodSpec",
        "Volumes InitContainers Containers EphemeralContainers RestartPolicy TerminationGracePeriodSeconds ActiveDeadlineSeconds DNSPolicy NodeSelector ServiceAccountName AutomountServiceAccountToken NodeName SecurityContext ImagePullSecrets Hostname Subdomain SetHostnameAsFQDN Affinity SchedulerName Tolerations HostAliases PriorityClassName Priority PreemptionPolicy DNSConfig ReadinessGates RuntimeClassName Overhead EnableServiceLinks TopologySpreadConstraints OS SchedulingGates ResourceClaims Resources HostnameOverride SchedulingGroup",
    ),
    ("PortworxVolumeSource", "VolumeID FSType ReadOnly"),
    ("PreferredSchedulingTerm", "Weight Preference"),
    (
        "Probe",
        "Exec HTTPGet TCPSocket GRPC InitialDelaySeconds TimeoutSeconds PeriodSeconds SuccessThreshold FailureThreshold TerminationGracePeriodSeconds",
    ),
    ("ProjectedVolumeSource", "Sources DefaultMode"),
    ("QuobyteVolumeSource", "Registry Volume ReadOnly User Group Tenant"),
    (
        "RBDVolumeSource",
        "CephMonitors=monitors RBDImage=image FSType RBDPool=pool RadosUser=user Keyring SecretRef ReadOnly",
    ),
    ("ResourceClaim", "Name Request"),
    ("ResourceFieldSelector", "ContainerName Resource Divisor"),
    ("ResourceRequirements", "Limits Requests Claims"),
    ("SELinuxOptions", "User Role Type Level"),
    (
        "ScaleIOVolumeSource",
        "Gateway System SecretRef SSLEnabled ProtectionDomain StoragePool StorageMode VolumeName FSType ReadOnly",
    ),
    ("SeccompProfile", "Type LocalhostProfile"),
    ("SecretEnvSource", "Name Optional"),
    ("SecretKeySelector", "Name Key Optional"),
    ("SecretProjection", "Name Items Optional"),
    ("SecretVolumeSource", "SecretName Items DefaultMode Optional"),
    (
        "SecurityContext",
        "Capabilities Privileged SELinuxOptions WindowsOptions RunAsUser RunAsGroup RunAsNonRoot ReadOnlyRootFilesystem AllowPrivilegeEscalation ProcMount SeccompProfile AppArmorProfile",
    ),
    ("ServiceAccountTokenProjection", "Audience ExpirationSeconds Path"),
    ("SleepAction", "Seconds"),
    (
        "StorageOSVolumeSource",
        "VolumeName VolumeNamespace FSType ReadOnly SecretRef",
    ),
    ("Sysctl", "Name Value"),
    ("TCPSocketAction", "Port Host"),
    ("Toleration", "Key Operator Value Effect TolerationSeconds"),
    (
        "TopologySpreadConstraint",
        "MaxSkew TopologyKey WhenUnsatisfiable LabelSelector MinDomains NodeAffinityPolicy NodeTaintsPolicy MatchLabelKeys",
    ),
    ("TypedLocalObjectReference", "APIGroup Kind Name"),
    ("TypedObjectReference", "APIGroup Kind Name Namespace"),
    (
        "Volume",
        "Name HostPath EmptyDir GCEPersistentDisk AWSElasticBlockStore GitRepo Secret NFS ISCSI Glusterfs PersistentVolumeClaim RBD Quobyte FlexVolume Cinder CephFS=cephfs Flocker DownwardAPI FC AzureFile ConfigMap VsphereVolume AzureDisk PhotonPersistentDisk Projected PortworxVolume ScaleIO StorageOS=storageos CSI Ephemeral Image",
    ),
    ("VolumeDevice", "Name DevicePath"),
    (
        "VolumeMount",
        "Name ReadOnly RecursiveReadOnly MountPath SubPath MountPropagation SubPathExpr",
    ),
    (
        "VolumeProjection",
        "Secret DownwardAPI ConfigMap ServiceAccountToken ClusterTrustBundle PodCertificate",
    ),
    ("VolumeResourceRequirements", "Limits Requests"),
    (
        "VsphereVirtualDiskVolumeSource",
        "VolumePath FSType StoragePolicyName StoragePolicyID",
    ),
    ("WeightedPodAffinityTerm", "Weight PodAffinityTerm"),
    (
        "WindowsSecurityContextOptions",
        "GMSACredentialSpecName GMSACredentialSpec RunAsUserName HostProcess",
    ),
];
