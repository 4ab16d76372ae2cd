//! `KubeletConfiguration`: its fields and their defaults.

use component_base::GoDuration;
use component_base::flags::{ColonMultimap, MapStringBool, MapStringString};
use component_base::logs::LoggingConfiguration;
use serde::{Deserialize, Serialize};

use crate::nested::{
    CrashLoopBackOffConfig, KubeletAuthentication, KubeletAuthorization, MemorySwapConfiguration,
    ShutdownGracePeriodByPodPriority, TracingConfiguration, UserNamespaces,
};
use crate::values::{IpText, LangleMap, MemoryReservations, Taints};

macro_rules! configuration {
    ($($(#[$meta:meta])* $field:ident: $type:ty = $default:expr;)*) => {
        /// The kubelet's configuration (`kubelet.config.k8s.io/v1beta1`). [`Default`] is what a file that says nothing means.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default)]
        pub struct KubeletConfiguration {
            $($(#[$meta])* pub $field: $type,)*
        }

        impl KubeletConfiguration {
            /// Before absent and zero fields are completed.
            fn raw() -> Self {
                Self { $($field: $default,)* }
            }
        }
    };
}

fn text(value: &str) -> String {
    value.to_owned()
}

/// Below these a node evicts pods if nothing else is said.
fn default_eviction_hard() -> LangleMap {
    let thresholds = [
        ("memory.available", "100Mi"),
        ("nodefs.available", "10%"),
        ("nodefs.inodesFree", "5%"),
        ("imagefs.available", "15%"),
        ("imagefs.inodesFree", "5%"),
    ];
    LangleMap(
        thresholds
            .into_iter()
            .map(|(signal, least)| (text(signal), text(least)))
            .collect(),
    )
}

configuration! {
    /// The kind's group and version.
    api_version: String = text(crate::load::API_VERSION);
    /// The kind.
    kind: String = text(crate::load::KIND);
    /// Whether the node's API is served.
    enable_server: bool = true;
    /// A file or a directory of static pods; empty for none.
    static_pod_path: String = String::new();
    /// Where the logs of pods lie.
    pod_logs_dir: String = text("/var/log/pods");
    /// How often a pod is synced though nothing happened.
    sync_frequency: GoDuration = GoDuration::from_mins(1);
    /// How often files of static pods are looked at.
    file_check_frequency: GoDuration = GoDuration::from_secs(20);
    /// How often the URL of static pods is read.
    #[serde(rename = "httpCheckFrequency")]
    http_check_frequency: GoDuration = GoDuration::from_secs(20);
    /// A URL of static pods; empty for none.
    #[serde(rename = "staticPodURL")]
    static_pod_url: String = String::new();
    /// Headers for that URL.
    #[serde(rename = "staticPodURLHeader")]
    static_pod_url_header: ColonMultimap = ColonMultimap::default();
    /// Where the node's API is served.
    address: IpText = IpText(text("0.0.0.0"));
    /// On which port.
    port: i32 = 10250;
    /// The port without authentication; 0 for none.
    read_only_port: i32 = 0;
    /// The serving certificate; empty for one of the kubelet's own.
    tls_cert_file: String = String::new();
    /// Its key.
    tls_private_key_file: String = String::new();
    /// Allowed cipher suites; empty for all good ones.
    tls_cipher_suites: Vec<String> = Vec::new();
    /// Key exchange groups by number; empty for all.
    tls_curve_preferences: Vec<i32> = Vec::new();
    /// The oldest TLS version.
    tls_min_version: String = String::new();
    /// Whether the client certificate is renewed.
    rotate_certificates: bool = false;
    /// Whether the serving certificate is asked of the API server.
    #[serde(rename = "serverTLSBootstrap")]
    server_tls_bootstrap: bool = false;
    /// Who may come in.
    authentication: KubeletAuthentication = KubeletAuthentication::default();
    /// Who may do what.
    authorization: KubeletAuthorization = KubeletAuthorization::default();
    /// Pulls a second; 0 is without limit.
    #[serde(rename = "registryPullQPS")]
    registry_pull_qps: i32 = 5;
    /// Pulls at once.
    registry_burst: i32 = 10;
    /// Whether a pod must show credentials for images that another one pulled.
    image_pull_credentials_verification_policy: String = text("NeverVerifyPreloadedImages");
    /// Images that are excepted from it.
    preloaded_images_verification_allowlist: Vec<String> = Vec::new();
    /// Events a second; 0 is without limit.
    #[serde(rename = "eventRecordQPS")]
    event_record_qps: i32 = 50;
    /// Events at once.
    event_burst: i32 = 100;
    /// Whether logs, exec and the like are served.
    enable_debugging_handlers: bool = true;
    /// Profiling of locks; has no meaning here.
    enable_contention_profiling: bool = false;
    /// The port of `/healthz`; 0 for none.
    healthz_port: i32 = 10248;
    /// Its address.
    healthz_bind_address: IpText = IpText(text("127.0.0.1"));
    /// The kubelet's own OOM score adjustment.
    oom_score_adj: i32 = kubelet_oom_score_adj();
    /// The cluster's DNS domain.
    cluster_domain: String = String::new();
    /// The cluster's DNS servers.
    #[serde(rename = "clusterDNS")]
    cluster_dns: Vec<String> = Vec::new();
    /// How long a stream may be silent.
    streaming_connection_idle_timeout: GoDuration = GoDuration::from_hours(4);
    /// How often the node's status is computed.
    node_status_update_frequency: GoDuration = GoDuration::ZERO;
    /// How often it is written though nothing changed.
    node_status_report_frequency: GoDuration = GoDuration::ZERO;
    /// How long the node's lease lasts.
    node_lease_duration_seconds: i32 = 40;
    /// Younger unused images stay.
    #[serde(rename = "imageMinimumGCAge")]
    image_minimum_gc_age: GoDuration = GoDuration::from_mins(2);
    /// Older unused images go; 0 for never.
    #[serde(rename = "imageMaximumGCAge")]
    image_maximum_gc_age: GoDuration = GoDuration::ZERO;
    /// The disk usage in percent at which images are removed.
    #[serde(rename = "imageGCHighThresholdPercent")]
    image_gc_high_threshold_percent: i32 = 85;
    /// Down to which usage.
    #[serde(rename = "imageGCLowThresholdPercent")]
    image_gc_low_threshold_percent: i32 = 80;
    /// How often the sizes of volumes are computed.
    volume_stats_agg_period: GoDuration = GoDuration::from_mins(1);
    /// The cgroup to run the kubelet in.
    kubelet_cgroups: String = String::new();
    /// The cgroup for all other processes.
    system_cgroups: String = String::new();
    /// The cgroup that pods lie below.
    cgroup_root: String = String::new();
    /// Whether QoS classes and pods have cgroups.
    #[serde(rename = "cgroupsPerQOS")]
    cgroups_per_qos: bool = true;
    /// `cgroupfs` or `systemd`.
    cgroup_driver: String = text("cgroupfs");
    /// Exclusive CPUs: `none` or `static`.
    cpu_manager_policy: String = text("none");
    /// Whether the kernel kills one process of a container that is out of memory, and not all.
    #[serde(rename = "singleProcessOOMKill", skip_serializing_if = "Option::is_none")]
    single_process_oom_kill: Option<bool> = None;
    /// Options of the policy.
    cpu_manager_policy_options: MapStringString = MapStringString::default();
    /// How often exclusive CPUs are reconciled.
    cpu_manager_reconcile_period: GoDuration = GoDuration::from_secs(10);
    /// `None` or `Static`.
    memory_manager_policy: String = text("None");
    /// `none`, `best-effort`, `restricted` or `single-numa-node`.
    topology_manager_policy: String = text("none");
    /// `container` or `pod`.
    topology_manager_scope: String = text("container");
    /// Options of the policy.
    topology_manager_policy_options: MapStringString = MapStringString::default();
    /// Requests reserved at the level of QoS classes.
    #[serde(rename = "qosReserved")]
    qos_reserved: MapStringString = MapStringString::default();
    /// How long a call to the runtime may take.
    runtime_request_timeout: GoDuration = GoDuration::from_mins(2);
    /// How a pod reaches itself through its service.
    hairpin_mode: String = text("promiscuous-bridge");
    /// How many pods may run.
    max_pods: i32 = 110;
    /// The pods' addresses without an API server.
    #[serde(rename = "podCIDR")]
    pod_cidr: String = String::new();
    /// How many processes a pod may have; -1 for any number.
    pod_pids_limit: i64 = -1;
    /// The resolver file that pods start from; empty for none.
    #[serde(rename = "resolvConf")]
    resolver_config: String = text("/etc/resolv.conf");
    /// Must not be set.
    run_once: bool = false;
    /// Whether CPU limits are enforced.
    #[serde(rename = "cpuCFSQuota")]
    cpu_cfs_quota: bool = true;
    /// By which period.
    #[serde(rename = "cpuCFSQuotaPeriod")]
    cpu_cfs_quota_period: GoDuration = GoDuration::from_millis(100);
    /// How many images the node's status names; -1 for all.
    node_status_max_images: i32 = 50;
    /// How many files the kubelet may open.
    max_open_files: i64 = 1_000_000;
    /// The media type of requests to the API server.
    content_type: String = text("application/vnd.kubernetes.protobuf");
    /// Requests to the API server a second.
    #[serde(rename = "kubeAPIQPS")]
    kube_api_qps: i32 = 50;
    /// Requests at once.
    #[serde(rename = "kubeAPIBurst")]
    kube_api_burst: i32 = 100;
    /// Whether images are pulled one at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    serialize_image_pulls: Option<bool> = None;
    /// How many at a time otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    max_parallel_image_pulls: Option<i32> = None;
    /// What ends pods at once.
    eviction_hard: LangleMap = default_eviction_hard();
    /// What ends pods after a while.
    eviction_soft: LangleMap = LangleMap::default();
    /// After how long.
    eviction_soft_grace_period: MapStringString = MapStringString::default();
    /// How long a pressure condition stays.
    eviction_pressure_transition_period: GoDuration = GoDuration::from_mins(5);
    /// The most seconds that a pod has when a soft threshold is met.
    eviction_max_pod_grace_period: i32 = 0;
    /// What is reclaimed beyond the threshold.
    eviction_minimum_reclaim: MapStringString = MapStringString::default();
    /// Whether the defaults stay for what is not set.
    merge_default_eviction_settings: bool = false;
    /// Pods by core; 0 is without limit.
    pods_per_core: i32 = 0;
    /// Whether the controller attaches volumes.
    enable_controller_attach_detach: bool = true;
    /// Whether wrong kernel settings are an error and not corrected.
    protect_kernel_defaults: bool = false;
    /// Whether the utility chains of iptables are made.
    #[serde(rename = "makeIPTablesUtilChains")]
    make_iptables_util_chains: bool = true;
    /// Has no meaning any more.
    #[serde(rename = "iptablesMasqueradeBit")]
    iptables_masquerade_bit: i32 = 14;
    /// Has no meaning any more.
    #[serde(rename = "iptablesDropBit")]
    iptables_drop_bit: i32 = 15;
    /// What is switched on and off.
    feature_gates: MapStringBool = MapStringBool::default();
    /// Whether swap keeps the kubelet from starting.
    fail_swap_on: bool = true;
    /// Swap for pods.
    memory_swap: MemorySwapConfiguration = MemorySwapConfiguration::default();
    /// A log of this size is rotated.
    container_log_max_size: String = text("10Mi");
    /// So many files of a log are kept.
    container_log_max_files: i32 = 5;
    /// So many logs are rotated at a time.
    container_log_max_workers: i32 = 1;
    /// How often logs are looked at.
    container_log_monitor_interval: GoDuration = GoDuration::from_secs(10);
    /// `Get`, `Cache` or `Watch`.
    config_map_and_secret_change_detection_strategy: String = text("Watch");
    /// What the system keeps for itself.
    system_reserved: MapStringString = MapStringString::default();
    /// What Kubernetes' own processes keep.
    kube_reserved: MapStringString = MapStringString::default();
    /// CPUs that pods do not get.
    #[serde(rename = "reservedSystemCPUs")]
    reserved_system_cpus: String = String::new();
    /// The version whose hidden metrics are shown.
    show_hidden_metrics_for_version: String = String::new();
    /// The cgroup that `systemReserved` is enforced on.
    system_reserved_cgroup: String = String::new();
    /// The cgroup that `kubeReserved` is enforced on.
    kube_reserved_cgroup: String = String::new();
    /// What is enforced: `none`, `pods`, `system-reserved`, `kube-reserved` and the compressible parts of the latter two.
    enforce_node_allocatable: Vec<String> = vec![text("pods")];
    /// Sysctls that pods may set though they are unsafe.
    allowed_unsafe_sysctls: Vec<String> = Vec::new();
    /// Where volume plugins lie.
    volume_plugin_dir: String = text("/usr/libexec/kubernetes/kubelet-plugins/volume/exec/");
    /// The node's id at its provider.
    #[serde(rename = "providerID")]
    provider_id: String = String::new();
    /// Whether the kernel tells of memory thresholds.
    kernel_memcg_notification: bool = false;
    /// The log.
    logging: LoggingConfiguration = LoggingConfiguration::default();
    /// Whether `/logs` is served.
    enable_system_log_handler: bool = true;
    /// Whether system logs can be queried.
    enable_system_log_query: bool = false;
    /// The time that pods have when the node shuts down.
    shutdown_grace_period: GoDuration = GoDuration::ZERO;
    /// Of it, what critical pods have.
    shutdown_grace_period_critical_pods: GoDuration = GoDuration::ZERO;
    /// The same by priority.
    shutdown_grace_period_by_pod_priority: Vec<ShutdownGracePeriodByPodPriority> = Vec::new();
    /// How failed containers are held back.
    crash_loop_back_off: CrashLoopBackOffConfig = CrashLoopBackOffConfig::default();
    /// Memory of NUMA nodes that pods do not get.
    reserved_memory: MemoryReservations = MemoryReservations::default();
    /// Whether profiles are served.
    enable_profiling_handler: bool = true;
    /// Whether the log's verbosity can be changed over the API.
    enable_debug_flags_handler: bool = true;
    /// Whether containers without a seccomp profile get the runtime's.
    seccomp_default: bool = false;
    /// The part of its limit at which a container is throttled.
    memory_throttling_factor: f64 = 0.9;
    /// `None` or `TieredReservation`.
    memory_reservation_policy: String = text("None");
    /// The taints that a new node has.
    register_with_taints: Taints = Taints::default();
    /// Whether the node registers itself.
    register_node: bool = true;
    /// Where traces go.
    #[serde(skip_serializing_if = "Option::is_none")]
    tracing: Option<TracingConfiguration> = None;
    /// Whether local storage is accounted for.
    local_storage_capacity_isolation: bool = true;
    /// The runtime's socket.
    container_runtime_endpoint: String = text("unix:///run/containerd/containerd.sock");
    /// The image service's, if it is another.
    image_service_endpoint: String = String::new();
    /// Whether cgroup version 1 keeps the kubelet from starting.
    fail_cgroup_v1: bool = true;
    /// Ids for user namespaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_namespaces: Option<UserNamespaces> = None;
}

const fn kubelet_oom_score_adj() -> i32 {
    -999
}

impl Default for KubeletConfiguration {
    fn default() -> Self {
        Self::raw()
    }
}

macro_rules! complete_zero {
    ($into:expr, $from:expr; $($field:ident)*) => {
        $(or_default(&mut $into.$field, $from.$field);)*
    };
}

fn or_default<T: Default + PartialEq>(field: &mut T, default: T) {
    if *field == T::default() {
        *field = default;
    }
}

impl KubeletConfiguration {
    /// A configuration that nobody has said anything about.
    #[must_use]
    pub fn with_defaults() -> Self {
        Self::raw().complete()
    }

    /// Gives fields whose zero value means "not set" their defaults, and those that follow from others their values.
    #[must_use]
    pub fn complete(mut self) -> Self {
        let defaults = Self::raw();
        if self.merge_default_eviction_settings {
            for (signal, least) in defaults.eviction_hard.0.clone() {
                self.eviction_hard.0.entry(signal).or_insert(least);
            }
        }
        complete_zero!(self, defaults; sync_frequency file_check_frequency http_check_frequency address port registry_burst
            event_burst healthz_bind_address streaming_connection_idle_timeout node_lease_duration_seconds
            image_minimum_gc_age volume_stats_agg_period cgroup_driver cpu_manager_policy cpu_manager_reconcile_period
            memory_manager_policy topology_manager_policy topology_manager_scope runtime_request_timeout hairpin_mode
            max_pods max_open_files content_type kube_api_burst eviction_pressure_transition_period container_log_max_size
            config_map_and_secret_change_detection_strategy volume_plugin_dir memory_reservation_policy
            container_runtime_endpoint pod_logs_dir image_pull_credentials_verification_policy);
        let webhook = KubeletAuthentication::default().webhook;
        complete_zero!(self.authentication.webhook, webhook; cache_ttl);
        complete_zero!(self.authorization, defaults.authorization; mode);
        let webhook = KubeletAuthorization::default().webhook;
        complete_zero!(self.authorization.webhook, webhook; cache_authorized_ttl cache_unauthorized_ttl);
        complete_zero!(self.logging, defaults.logging; format);
        if self.logging.flush_frequency.0.is_zero() {
            self.logging.flush_frequency = defaults.logging.flush_frequency;
        }
        // Who says how often the status is computed means how often it is written as well.
        if self.node_status_report_frequency.is_zero() {
            self.node_status_report_frequency = if self.node_status_update_frequency.is_zero() {
                GoDuration::from_mins(5)
            } else {
                self.node_status_update_frequency
            };
        }
        if self.node_status_update_frequency.is_zero() {
            self.node_status_update_frequency = GoDuration::from_secs(10);
        }
        if self.pod_pids_limit < 0 {
            self.pod_pids_limit = -1;
        }
        let parallel = self.max_parallel_image_pulls.is_some_and(|pulls| pulls >= 2);
        self.serialize_image_pulls.get_or_insert(!parallel);
        self.crash_loop_back_off
            .max_container_restart_period
            .get_or_insert(GoDuration::from_secs(300));
        self
    }

    /// As a command line without a file starts from: what was open before configuration files came stays open.
    #[must_use]
    pub fn with_legacy_defaults() -> Self {
        let mut configuration = Self::with_defaults();
        configuration.authentication.anonymous.enabled = true;
        configuration.authentication.webhook.enabled = false;
        "AlwaysAllow".clone_into(&mut configuration.authorization.mode);
        configuration.read_only_port = 10255;
        configuration
    }
}
