//! Settings of the manager, of what is shared with cloud controllers, and of the controllers behind identities,
//! namespaces and policies.

use component_base::GoDuration;
use component_base::flags::{FlagSet, Flags};
use component_base::options::{ClientConnectionConfiguration, DebuggingConfiguration, LeaderElectionConfiguration};
use serde::Serialize;

use super::macros::configuration;

/// How the manager reaches the API server.
pub type ClientConnection = ClientConnectionConfiguration;

/// Which controllers run under which lease while they move between programs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LeaderMigrationConfiguration {
    /// The lease.
    pub leader_name: String,
    /// Its kind.
    pub resource_lock: String,
    /// What runs where.
    pub controller_leaders: Option<Vec<()>>,
}

/// The manager itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GenericConfiguration {
    /// Of no effect.
    pub port: i32,
    /// Of no effect.
    pub address: String,
    /// How often caches are shown to controllers again, at least; twice as seldom at most.
    pub min_resync_period: GoDuration,
    /// How the API server is reached.
    pub client_connection: ClientConnection,
    /// The time between the starts of two controllers.
    pub controller_start_interval: GoDuration,
    /// Leader election.
    pub leader_election: LeaderElectionConfiguration,
    /// Which controllers run.
    pub controllers: Vec<String>,
    /// Profiling.
    pub debugging: DebuggingConfiguration,
    /// Whether controllers are on the move.
    pub leader_migration_enabled: bool,
    /// How they move.
    pub leader_migration: LeaderMigrationConfiguration,
    /// The names that the help lists; not published.
    #[serde(skip)]
    pub known: Vec<&'static str>,
    /// Those of them that `*` does not include; not published.
    #[serde(skip)]
    pub disabled_by_default: Vec<&'static str>,
    /// The names that are accepted and do nothing, since this release has no such controllers; not published.
    #[serde(skip)]
    pub absent: Vec<&'static str>,
    /// The file of `--leader-migration-config`; not published.
    #[serde(skip)]
    pub leader_migration_config: String,
}

impl Default for GenericConfiguration {
    fn default() -> Self {
        Self {
            port: 0,
            address: "0.0.0.0".to_owned(),
            min_resync_period: GoDuration::from_hours(12),
            client_connection: ClientConnectionConfiguration {
                qps: 20.0,
                burst: 30,
                ..ClientConnectionConfiguration::default()
            },
            controller_start_interval: GoDuration::ZERO,
            leader_election: LeaderElectionConfiguration::for_component("kube-controller-manager"),
            controllers: vec!["*".to_owned()],
            debugging: DebuggingConfiguration::default(),
            leader_migration_enabled: false,
            leader_migration: LeaderMigrationConfiguration::default(),
            known: Vec::new(),
            disabled_by_default: Vec::new(),
            absent: Vec::new(),
            leader_migration_config: String::new(),
        }
    }
}

impl Flags for GenericConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.debugging.add_flags(flags);
        flags.section("leader-migration");
        flags.add(
            "enable-leader-migration",
            &mut self.leader_migration_enabled,
            "move controllers between programs without two of a kind running at a time",
        );
        flags.add(
            "leader-migration-config",
            &mut self.leader_migration_config,
            "the file that says which controllers move where",
        );
        flags.section("generic");
        flags.add(
            "min-resync-period",
            &mut self.min_resync_period,
            "how often at most controllers are shown again what has not changed; up to twice as seldom",
        );
        flags.add(
            "kube-api-content-type",
            &mut self.client_connection.content_type,
            "the content type of requests to the API server; accepted, requests are JSON",
        );
        flags.add(
            "kube-api-qps",
            &mut self.client_connection.qps,
            "how many requests a second each controller sends",
        );
        flags.add(
            "kube-api-burst",
            &mut self.client_connection.burst,
            "how many requests each controller sends at once",
        );
        flags.add(
            "controller-start-interval",
            &mut self.controller_start_interval,
            "the time between the starts of two controllers",
        );
        flags.add(
            "controllers",
            &mut self.controllers,
            format!(
                "the controllers to run: '*' for all that are on by default, 'name' for the one of that name, '-name' for not that one.\nAll controllers: {}\nDisabled-by-default controllers: {}\nNot part of this release: {}",
                self.known.join(", "),
                self.disabled_by_default.join(", "),
                self.absent.join(", ")
            ),
        );
        self.leader_election.add_flags(flags);
    }
}

/// The cloud, if there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CloudProviderConfiguration {
    /// Its name: empty, or `external`.
    pub name: String,
    /// Its configuration.
    pub cloud_config_file: String,
}

/// What is shared with cloud controllers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KubeCloudSharedConfiguration {
    /// The cloud.
    #[serde(rename = "CloudProvider")]
    pub cloud_provider: CloudProviderConfiguration,
    /// The volume plugin of an external cloud.
    #[serde(rename = "ExternalCloudVolumePlugin")]
    pub external_cloud_volume_plugin: String,
    /// Whether each controller acts as its own service account.
    #[serde(rename = "UseServiceAccountCredentials")]
    pub use_service_account_credentials: bool,
    /// Of no effect.
    #[serde(rename = "AllowUntaggedCloud")]
    pub allow_untagged_cloud: bool,
    /// How often a cloud's routes are looked at.
    #[serde(rename = "RouteReconciliationPeriod")]
    pub route_reconciliation_period: GoDuration,
    /// How often the node lifecycle controller looks at nodes.
    #[serde(rename = "NodeMonitorPeriod")]
    pub node_monitor_period: GoDuration,
    /// The cluster's name in the cloud.
    #[serde(rename = "ClusterName")]
    pub cluster_name: String,
    /// The range of pod addresses.
    #[serde(rename = "ClusterCIDR")]
    pub cluster_cidr: String,
    /// Whether nodes are given networks of it.
    #[serde(rename = "AllocateNodeCIDRs")]
    pub allocate_node_cidrs: bool,
    /// Who gives them.
    #[serde(rename = "CIDRAllocatorType")]
    pub cidr_allocator_type: String,
    /// Whether the cloud routes them.
    #[serde(rename = "ConfigureCloudRoutes")]
    pub configure_cloud_routes: bool,
    /// Of no effect.
    #[serde(rename = "NodeSyncPeriod")]
    pub node_sync_period: GoDuration,
}

impl Default for KubeCloudSharedConfiguration {
    fn default() -> Self {
        Self {
            cloud_provider: CloudProviderConfiguration::default(),
            external_cloud_volume_plugin: String::new(),
            use_service_account_credentials: false,
            allow_untagged_cloud: false,
            route_reconciliation_period: GoDuration::from_secs(10),
            node_monitor_period: GoDuration::from_secs(5),
            cluster_name: "kubernetes".to_owned(),
            cluster_cidr: String::new(),
            allocate_node_cidrs: false,
            cidr_allocator_type: "RangeAllocator".to_owned(),
            configure_cloud_routes: true,
            node_sync_period: GoDuration::ZERO,
        }
    }
}

impl Flags for KubeCloudSharedConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("generic");
        flags.add(
            "cloud-provider",
            &mut self.cloud_provider.name,
            "the provider of cloud services: none, or 'external'",
        );
        flags.add(
            "cloud-config",
            &mut self.cloud_provider.cloud_config_file,
            "the cloud provider's configuration file",
        );
        flags.add(
            "external-cloud-volume-plugin",
            &mut self.external_cloud_volume_plugin,
            "the volume plugin of an external cloud provider",
        );
        flags.add(
            "use-service-account-credentials",
            &mut self.use_service_account_credentials,
            "every controller acts as a service account of its own",
        );
        flags
            .add(
                "allow-untagged-cloud",
                &mut self.allow_untagged_cloud,
                "run without a cluster id on cloud instances",
            )
            .deprecated(
                "This flag is deprecated and will be removed in a future release. A cluster-id will be required on cloud instances.",
            );
        flags.add(
            "route-reconciliation-period",
            &mut self.route_reconciliation_period,
            "how often the routes that a cloud made for nodes are looked at",
        );
        flags.add(
            "node-monitor-period",
            &mut self.node_monitor_period,
            "how often the states of nodes are looked at",
        );
        flags.add("cluster-name", &mut self.cluster_name, "the cluster's name");
        flags.add(
            "cluster-cidr",
            &mut self.cluster_cidr,
            "the ranges of pod addresses, one a family; needs --allocate-node-cidrs",
        );
        flags.add(
            "allocate-node-cidrs",
            &mut self.allocate_node_cidrs,
            "give every node a network out of --cluster-cidr",
        );
        flags.add(
            "cidr-allocator-type",
            &mut self.cidr_allocator_type,
            "who gives nodes their networks",
        );
        flags.add(
            "configure-cloud-routes",
            &mut self.configure_cloud_routes,
            "have the cloud route the networks given by --allocate-node-cidrs",
        );
        flags
            .add("node-sync-period", &mut self.node_sync_period, "of no effect")
            .deprecated("This flag is currently no-op and will be deleted.");
    }
}

/// A signer's certificate and key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CsrSigningConfiguration {
    /// The certificate, PEM.
    pub cert_file: String,
    /// The key, PEM.
    pub key_file: String,
}

/// The signers of certificates.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CsrSigningControllerConfiguration {
    /// The certificate of all signers.
    #[serde(rename = "ClusterSigningCertFile")]
    pub cluster_signing_cert_file: String,
    /// Its key.
    #[serde(rename = "ClusterSigningKeyFile")]
    pub cluster_signing_key_file: String,
    /// `kubernetes.io/kubelet-serving`.
    #[serde(rename = "KubeletServingSignerConfiguration")]
    pub kubelet_serving: CsrSigningConfiguration,
    /// `kubernetes.io/kube-apiserver-client-kubelet`.
    #[serde(rename = "KubeletClientSignerConfiguration")]
    pub kubelet_client: CsrSigningConfiguration,
    /// `kubernetes.io/kube-apiserver-client`.
    #[serde(rename = "KubeAPIServerClientSignerConfiguration")]
    pub kube_apiserver_client: CsrSigningConfiguration,
    /// `kubernetes.io/legacy-unknown`.
    #[serde(rename = "LegacyUnknownSignerConfiguration")]
    pub legacy_unknown: CsrSigningConfiguration,
    /// The longest life of a certificate.
    #[serde(rename = "ClusterSigningDuration")]
    pub cluster_signing_duration: GoDuration,
}

impl Default for CsrSigningControllerConfiguration {
    fn default() -> Self {
        Self {
            cluster_signing_cert_file: String::new(),
            cluster_signing_key_file: String::new(),
            kubelet_serving: CsrSigningConfiguration::default(),
            kubelet_client: CsrSigningConfiguration::default(),
            kube_apiserver_client: CsrSigningConfiguration::default(),
            legacy_unknown: CsrSigningConfiguration::default(),
            cluster_signing_duration: GoDuration::from_hours(8760),
        }
    }
}

impl Flags for CsrSigningControllerConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("certificatesigningrequest-signing-controller");
        flags.add(
            "cluster-signing-cert-file",
            &mut self.cluster_signing_cert_file,
            "the CA certificate of all signers; excludes those of single signers",
        );
        flags.add(
            "cluster-signing-key-file",
            &mut self.cluster_signing_key_file,
            "the RSA or ECDSA key of --cluster-signing-cert-file",
        );
        let signers: [(
            &'static str,
            &'static str,
            &'static str,
            &'a mut CsrSigningConfiguration,
        ); 4] = [
            (
                "cluster-signing-kubelet-serving-cert-file",
                "cluster-signing-kubelet-serving-key-file",
                "kubernetes.io/kubelet-serving",
                &mut self.kubelet_serving,
            ),
            (
                "cluster-signing-kubelet-client-cert-file",
                "cluster-signing-kubelet-client-key-file",
                "kubernetes.io/kube-apiserver-client-kubelet",
                &mut self.kubelet_client,
            ),
            (
                "cluster-signing-kube-apiserver-client-cert-file",
                "cluster-signing-kube-apiserver-client-key-file",
                "kubernetes.io/kube-apiserver-client",
                &mut self.kube_apiserver_client,
            ),
            (
                "cluster-signing-legacy-unknown-cert-file",
                "cluster-signing-legacy-unknown-key-file",
                "kubernetes.io/legacy-unknown",
                &mut self.legacy_unknown,
            ),
        ];
        for (cert_flag, key_flag, signer, files) in signers {
            flags.add(
                cert_flag,
                &mut files.cert_file,
                format!("the CA certificate of the signer {signer}"),
            );
            flags.add(
                key_flag,
                &mut files.key_file,
                format!("the RSA or ECDSA key of the signer {signer}"),
            );
        }
        flags.add(
            "cluster-signing-duration",
            &mut self.cluster_signing_duration,
            "the longest life of a signed certificate; requests may ask for less",
        );
    }
}

/// A resource by group and plural name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GroupResource {
    /// API group; empty for the core group.
    pub group: String,
    /// Plural name.
    pub resource: String,
}

impl GroupResource {
    /// What is never collected: events come and go by themselves.
    fn ignored_by_default() -> Vec<Self> {
        ["", "events.k8s.io"]
            .into_iter()
            .map(|group| Self {
                group: group.to_owned(),
                resource: "events".to_owned(),
            })
            .collect()
    }
}

configuration! {
    /// The garbage collector.
    GarbageCollectorControllerConfiguration in "garbage-collector-controller" {
        enable_garbage_collector "EnableGarbageCollector": bool = true, "enable-garbage-collector"
            "collect what has lost its owner; as --enable-garbage-collector of the API server";
        concurrent_syncs "ConcurrentGCSyncs": i32 = 20, "concurrent-gc-syncs"
            "how many objects are collected at a time";
        ignored_resources "GCIgnoredResources": Vec<GroupResource> = GroupResource::ignored_by_default();
    }

    /// The cleaner of token secrets that nobody uses.
    LegacySaTokenCleanerConfiguration in "legacy-serviceaccount-token-cleaner-controller" {
        clean_up_period "CleanUpPeriod": GoDuration = GoDuration::from_hours(8760),
            "legacy-service-account-token-clean-up-period"
            "how long a token secret must have been unused before it is deleted";
    }

    /// The namespace controller.
    NamespaceControllerConfiguration in "namespace-controller" {
        sync_period "NamespaceSyncPeriod": GoDuration = GoDuration::from_mins(5), "namespace-sync-period"
            "how often namespaces are looked at again";
        concurrent_syncs "ConcurrentNamespaceSyncs": i32 = 10, "concurrent-namespace-syncs"
            "how many namespaces are synced at a time";
    }

    /// The quota controller.
    ResourceQuotaControllerConfiguration in "resourcequota-controller" {
        sync_period "ResourceQuotaSyncPeriod": GoDuration = GoDuration::from_mins(5), "resource-quota-sync-period"
            "how often usage is counted anew";
        concurrent_syncs "ConcurrentResourceQuotaSyncs": i32 = 5, "concurrent-resource-quota-syncs"
            "how many quotas are synced at a time";
    }

    /// Service accounts and their tokens.
    SaControllerConfiguration in "serviceaccount-controller" {
        service_account_key_file "ServiceAccountKeyFile": String = String::new(), "service-account-private-key-file"
            "the RSA or ECDSA key that signs tokens in secrets; without it there are none";
        concurrent_token_syncs "ConcurrentSATokenSyncs": i32 = 5, "concurrent-serviceaccount-token-syncs"
            "how many token secrets are synced at a time";
        root_ca_file "RootCAFile": String = String::new(), "root-ca-file"
            "the CA bundle that goes into token secrets and to every namespace, PEM";
    }

    /// The type check of admission policies.
    ValidatingAdmissionPolicyStatusControllerConfiguration in "validatingadmissionpolicy-status-controller" {
        concurrent_syncs "ConcurrentPolicySyncs": i32 = 5, "concurrent-validating-admission-policy-status-syncs"
            "how many policies are checked at a time";
    }
}
