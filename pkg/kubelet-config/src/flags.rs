//! The command line.
//!
//! Flags that only repeat a field of the configuration are deprecated, as upstream's are; those of the statistics collector
//! that upstream compiles in are accepted and have no effect.

use std::collections::BTreeMap;

use component_base::GoDuration;
use component_base::feature_gates::FeatureGates;
use component_base::flags::{FlagSet, Flags, MapStringString};
use component_base::logs::LoggingConfiguration;
use component_base::program::Configured;

use crate::configuration::KubeletConfiguration;

const USE_FILE: &str = "This parameter should be set via the config file specified by the Kubelet's --config flag. See https://kubernetes.io/docs/tasks/administer-cluster/kubelet-config-file/ for more information.";
const CADVISOR: &str = "This is a cadvisor flag that was mistakenly registered with the Kubelet. Due to legacy concerns, it will follow the standard CLI deprecation timeline before being removed.";
const USE_EVICTION: &str = "Use --eviction-hard or --eviction-soft instead. Will be removed in a future version.";

/// What can be said on the command line only.
#[derive(Clone, Debug)]
pub struct KubeletFlags {
    /// `--kubeconfig`; empty is without an API server.
    pub kubeconfig: String,
    /// `--bootstrap-kubeconfig`
    pub bootstrap_kubeconfig: String,
    /// `--hostname-override`
    pub hostname_override: String,
    /// `--node-ip`
    pub node_ip: String,
    /// `--cert-dir`
    pub cert_directory: String,
    /// `--cloud-provider`
    pub cloud_provider: String,
    /// `--root-dir`
    pub root_directory: String,
    /// `--config`
    pub config_file: String,
    /// `--config-dir`
    pub config_directory: String,
    /// `--node-labels`
    pub node_labels: MapStringString,
    /// `--lock-file`
    pub lock_file: String,
    /// `--exit-on-lock-contention`
    pub exit_on_lock_contention: bool,
    /// `--runtime-cgroups`
    pub runtime_cgroups: String,
    /// `--image-credential-provider-config`
    pub image_credential_provider_config: String,
    /// `--image-credential-provider-bin-dir`
    pub image_credential_provider_bin_directory: String,
    /// `--seccomp-default`
    pub seccomp_default: bool,
    /// `--minimum-container-ttl-duration`
    pub minimum_gc_age: GoDuration,
    /// `--maximum-dead-containers-per-container`
    pub max_per_pod_container_count: i32,
    /// `--maximum-dead-containers`
    pub max_container_count: i32,
    /// `--experimental-mounter-path`
    pub experimental_mounter_path: String,
    /// `--experimental-allocatable-ignore-eviction`
    pub ignore_eviction_threshold: bool,
}

impl Default for KubeletFlags {
    fn default() -> Self {
        Self {
            kubeconfig: String::new(),
            bootstrap_kubeconfig: String::new(),
            hostname_override: String::new(),
            node_ip: String::new(),
            cert_directory: "/var/lib/kubelet/pki".to_owned(),
            cloud_provider: String::new(),
            root_directory: "/var/lib/kubelet".to_owned(),
            config_file: String::new(),
            config_directory: String::new(),
            node_labels: MapStringString(BTreeMap::new()),
            lock_file: String::new(),
            exit_on_lock_contention: false,
            runtime_cgroups: String::new(),
            image_credential_provider_config: String::new(),
            image_credential_provider_bin_directory: String::new(),
            seccomp_default: false,
            minimum_gc_age: GoDuration::ZERO,
            max_per_pod_container_count: 1,
            max_container_count: -1,
            experimental_mounter_path: String::new(),
            ignore_eviction_threshold: false,
        }
    }
}

impl Flags for KubeletFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags
            .section("kubelet")
            .add(
                "config",
                &mut self.config_file,
                "file with the configuration; flags go over it",
            )
            .add(
                "config-dir",
                &mut self.config_directory,
                "directory of drop-in files (*.conf, in lexical order) that go over the configuration",
            )
            .add(
                "kubeconfig",
                &mut self.kubeconfig,
                "file that says how to reach the API server; without it the kubelet runs static pods only",
            )
            .add(
                "bootstrap-kubeconfig",
                &mut self.bootstrap_kubeconfig,
                "file with credentials to ask for a client certificate with, while there is no kubeconfig",
            )
            .add(
                "hostname-override",
                &mut self.hostname_override,
                "the node's name, if it is not the host's",
            )
            .add(
                "node-ip",
                &mut self.node_ip,
                "address of the node, or one of each family; 0.0.0.0 or :: prefer a family",
            )
            .add(
                "cert-dir",
                &mut self.cert_directory,
                "directory of the certificates that the kubelet makes or asks for",
            )
            .add("cloud-provider", &mut self.cloud_provider, "empty, or external")
            .add("root-dir", &mut self.root_directory, "directory of the pods' files")
            .add(
                "seccomp-default",
                &mut self.seccomp_default,
                "give containers without a seccomp profile the runtime's",
            )
            .add(
                "node-labels",
                &mut self.node_labels,
                "labels (key=value, comma separated) that the node registers itself with",
            )
            .add("lock-file", &mut self.lock_file, "file to hold a lock on (alpha)")
            .add(
                "exit-on-lock-contention",
                &mut self.exit_on_lock_contention,
                "end when somebody else wants the lock",
            )
            .add(
                "runtime-cgroups",
                &mut self.runtime_cgroups,
                "cgroup that the runtime runs in",
            )
            .add(
                "image-credential-provider-config",
                &mut self.image_credential_provider_config,
                "file that names the programs which give credentials for images",
            )
            .add(
                "image-credential-provider-bin-dir",
                &mut self.image_credential_provider_bin_directory,
                "directory of those programs",
            );
        flags
            .add(
                "minimum-container-ttl-duration",
                &mut self.minimum_gc_age,
                "how long a dead container stays at least",
            )
            .deprecated(USE_EVICTION)
            .add(
                "maximum-dead-containers-per-container",
                &mut self.max_per_pod_container_count,
                "how many dead instances of a container stay",
            )
            .deprecated(USE_EVICTION)
            .add(
                "maximum-dead-containers",
                &mut self.max_container_count,
                "how many dead containers stay in all; below 0 is any number",
            )
            .deprecated(USE_EVICTION)
            .add(
                "experimental-mounter-path",
                &mut self.experimental_mounter_path,
                "program that mounts; has no effect",
            )
            .deprecated("will be removed in 1.25 or later. in favor of using CSI.")
            .add(
                "experimental-allocatable-ignore-eviction",
                &mut self.ignore_eviction_threshold,
                "leave eviction thresholds out of what is allocatable",
            )
            .deprecated("will be removed in 1.25 or later.");
    }
}

/// Everything that the command line can say.
#[derive(Clone, Debug)]
pub struct KubeletOptions {
    /// What is a flag only.
    pub flags: KubeletFlags,
    /// The configuration.
    pub configuration: KubeletConfiguration,
    /// The gates that follow from the configuration.
    pub gates: FeatureGates,
    /// The flags that were given, by name.
    pub given: Vec<&'static str>,
    cadvisor: CadvisorFlags,
}

impl Default for KubeletOptions {
    fn default() -> Self {
        Self {
            flags: KubeletFlags::default(),
            configuration: KubeletConfiguration::with_legacy_defaults(),
            gates: FeatureGates::default(),
            given: Vec::new(),
            cadvisor: CadvisorFlags::default(),
        }
    }
}

impl Configured for KubeletOptions {
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates) {
        (&self.configuration.logging, &self.gates)
    }
}

impl Flags for KubeletOptions {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        self.flags.add_flags(flags);
        self.configuration.add_flags(flags);
        self.cadvisor.add_flags(flags);
    }
}

/// Adds flags that repeat a field: name, field, text.
macro_rules! fields {
    ($flags:ident, $self:ident; $($name:literal => $($member:ident).+, $usage:literal;)*) => {
        $($flags.add($name, &mut $self.$($member).+, $usage).deprecated(USE_FILE);)*
    };
}

impl Flags for KubeletConfiguration {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.section("configuration");
        flags.add("provider-id", &mut self.provider_id, "the node's id at its provider");
        flags.add(
            "fail-cgroupv1",
            &mut self.fail_cgroup_v1,
            "do not start on a machine with cgroup version 1",
        );
        self.logging.add_flags(flags);
        flags.section("configuration");
        fields! { flags, self;
            "enable-server" => enable_server, "serve the node's API";
            "fail-swap-on" => fail_swap_on, "do not start while swap is on";
            "pod-manifest-path" => static_pod_path, "file or directory of static pods";
            "sync-frequency" => sync_frequency, "how often a pod is synced though nothing happened";
            "file-check-frequency" => file_check_frequency, "how often files of static pods are looked at";
            "http-check-frequency" => http_check_frequency, "how often the URL of static pods is read";
            "manifest-url" => static_pod_url, "URL of static pods";
            "manifest-url-header" => static_pod_url_header, "headers for the URL of static pods";
            "address" => address, "address that the node's API is served on";
            "port" => port, "port that the node's API is served on";
            "read-only-port" => read_only_port, "port without authentication; 0 for none";
            "container-runtime-endpoint" => container_runtime_endpoint, "the runtime's socket";
            "image-service-endpoint" => image_service_endpoint, "the image service's socket, if it is another";
            "anonymous-auth" => authentication.anonymous.enabled, "let requests without credentials through to authorization";
            "authentication-token-webhook" => authentication.webhook.enabled, "have the API server review bearer tokens";
            "authentication-token-webhook-cache-ttl" => authentication.webhook.cache_ttl, "how long a review is kept";
            "client-ca-file" => authentication.x509.client_ca_file, "authorities whose client certificates name users";
            "authorization-mode" => authorization.mode, "AlwaysAllow, or Webhook to ask the API server";
            "authorization-webhook-cache-authorized-ttl" => authorization.webhook.cache_authorized_ttl, "how long a verdict that allows is kept";
            "authorization-webhook-cache-unauthorized-ttl" => authorization.webhook.cache_unauthorized_ttl, "how long a verdict that forbids is kept";
            "tls-cert-file" => tls_cert_file, "serving certificate";
            "tls-private-key-file" => tls_private_key_file, "key of the serving certificate";
            "rotate-server-certificates" => server_tls_bootstrap, "ask the API server for serving certificates, and renew them";
            "tls-cipher-suites" => tls_cipher_suites, "allowed cipher suites";
            "tls-min-version" => tls_min_version, "oldest TLS version";
            "rotate-certificates" => rotate_certificates, "renew the client certificate before it ends";
            "registry-qps" => registry_pull_qps, "pulls a second; 0 is without limit";
            "registry-burst" => registry_burst, "pulls at once";
            "event-qps" => event_record_qps, "events a second; 0 is without limit";
            "event-burst" => event_burst, "events at once";
            "enable-debugging-handlers" => enable_debugging_handlers, "serve logs, exec and the like";
            "contention-profiling" => enable_contention_profiling, "profile locks; has no effect";
            "healthz-port" => healthz_port, "port of /healthz; 0 for none";
            "healthz-bind-address" => healthz_bind_address, "address of /healthz";
            "oom-score-adj" => oom_score_adj, "the kubelet's own OOM score adjustment";
            "cluster-domain" => cluster_domain, "the cluster's DNS domain";
            "volume-plugin-dir" => volume_plugin_dir, "directory of volume plugins";
            "cluster-dns" => cluster_dns, "the cluster's DNS servers";
            "streaming-connection-idle-timeout" => streaming_connection_idle_timeout, "how long a stream may be silent";
            "node-status-update-frequency" => node_status_update_frequency, "how often the node's status is computed";
            "minimum-image-ttl-duration" => image_minimum_gc_age, "how long an unused image stays at least";
            "image-gc-high-threshold" => image_gc_high_threshold_percent, "disk usage in percent at which images are removed; 100 for never";
            "image-gc-low-threshold" => image_gc_low_threshold_percent, "down to which usage images are removed";
            "volume-stats-agg-period" => volume_stats_agg_period, "how often the sizes of volumes are computed; below 0 for never";
            "feature-gates" => feature_gates, "features to switch on and off: A=true,B=false";
            "kubelet-cgroups" => kubelet_cgroups, "cgroup to run the kubelet in";
            "system-cgroups" => system_cgroups, "cgroup for all other processes";
            "cgroups-per-qos" => cgroups_per_qos, "make cgroups of QoS classes and pods";
            "cgroup-driver" => cgroup_driver, "cgroupfs or systemd";
            "cgroup-root" => cgroup_root, "cgroup that pods lie below";
            "cpu-manager-policy" => cpu_manager_policy, "none or static";
            "cpu-manager-policy-options" => cpu_manager_policy_options, "options of the policy";
            "cpu-manager-reconcile-period" => cpu_manager_reconcile_period, "how often exclusive CPUs are reconciled";
            "qos-reserved" => qos_reserved, "requests reserved at the level of QoS classes";
            "topology-manager-policy" => topology_manager_policy, "none, best-effort, restricted or single-numa-node";
            "runtime-request-timeout" => runtime_request_timeout, "how long a call to the runtime may take";
            "hairpin-mode" => hairpin_mode, "promiscuous-bridge, hairpin-veth or none";
            "max-pods" => max_pods, "how many pods may run";
            "pod-cidr" => pod_cidr, "addresses of pods without an API server";
            "pod-max-pids" => pod_pids_limit, "how many processes a pod may have; -1 for any number";
            "resolv-conf" => resolver_config, "resolver file that pods start from";
            "runonce" => run_once, "must not be set";
            "cpu-cfs-quota" => cpu_cfs_quota, "enforce CPU limits";
            "cpu-cfs-quota-period" => cpu_cfs_quota_period, "period that CPU limits are enforced by";
            "enable-controller-attach-detach" => enable_controller_attach_detach, "leave attaching volumes to the controller";
            "make-iptables-util-chains" => make_iptables_util_chains, "make the utility chains of iptables";
            "container-log-max-size" => container_log_max_size, "size at which a log is rotated";
            "container-log-max-files" => container_log_max_files, "how many files of a log are kept";
            "allowed-unsafe-sysctls" => allowed_unsafe_sysctls, "unsafe sysctls (or patterns that end in *) that pods may set";
            "node-status-max-images" => node_status_max_images, "how many images the node's status names; -1 for all";
            "kernel-memcg-notification" => kernel_memcg_notification, "have the kernel tell of memory thresholds";
            "local-storage-capacity-isolation" => local_storage_capacity_isolation, "account for local storage";
            "max-open-files" => max_open_files, "how many files the kubelet may open";
            "kube-api-content-type" => content_type, "media type of requests to the API server";
            "kube-api-qps" => kube_api_qps, "requests to the API server a second";
            "kube-api-burst" => kube_api_burst, "requests to the API server at once";
            "serialize-image-pulls" => serialize_image_pulls, "pull images one at a time";
            "eviction-hard" => eviction_hard, "thresholds that end pods at once: memory.available<1Gi";
            "eviction-soft" => eviction_soft, "thresholds that end pods after a while";
            "eviction-soft-grace-period" => eviction_soft_grace_period, "after how long: memory.available=1m30s";
            "eviction-pressure-transition-period" => eviction_pressure_transition_period, "how long a pressure condition stays";
            "eviction-max-pod-grace-period" => eviction_max_pod_grace_period, "most seconds that a pod has when a soft threshold is met";
            "eviction-minimum-reclaim" => eviction_minimum_reclaim, "what is reclaimed beyond a threshold: imagefs.available=2Gi";
            "pods-per-core" => pods_per_core, "pods by core; 0 is without limit";
            "protect-kernel-defaults" => protect_kernel_defaults, "fail over wrong kernel settings instead of correcting them";
            "reserved-cpus" => reserved_system_cpus, "CPUs that pods do not get";
            "topology-manager-scope" => topology_manager_scope, "container or pod";
            "topology-manager-policy-options" => topology_manager_policy_options, "options of the policy";
            "system-reserved" => system_reserved, "what the system keeps: cpu=200m,memory=500Mi";
            "kube-reserved" => kube_reserved, "what Kubernetes' processes keep: cpu=200m,memory=500Mi";
            "enforce-node-allocatable" => enforce_node_allocatable, "what is enforced: none, pods, system-reserved, kube-reserved, ...";
            "system-reserved-cgroup" => system_reserved_cgroup, "cgroup that --system-reserved is enforced on";
            "kube-reserved-cgroup" => kube_reserved_cgroup, "cgroup that --kube-reserved is enforced on";
            "memory-manager-policy" => memory_manager_policy, "None or Static";
            "reserved-memory" => reserved_memory, "memory of NUMA nodes that pods do not get: 0:memory=1Gi";
            "register-node" => register_node, "register the node with the API server";
            "register-with-taints" => register_with_taints, "taints that a new node has: key=value:effect";
        }
    }
}

/// Accepted and without effect.
#[derive(Clone, Debug)]
struct CadvisorFlags {
    housekeeping_interval: GoDuration,
    max_housekeeping_interval: GoDuration,
    global_housekeeping_interval: GoDuration,
    storage_driver_buffer_duration: GoDuration,
    application_metrics_count_limit: i64,
    enable_load_reader: bool,
    log_cadvisor_usage: bool,
    storage_driver_secure: bool,
    texts: [String; 12],
}

const TEXTS: [(&str, &str); 12] = [
    ("boot-id-file", "/proc/sys/kernel/random/boot_id"),
    ("container-hints", "/etc/cadvisor/container_hints.json"),
    ("containerd", "/run/containerd/containerd.sock"),
    ("containerd-namespace", "k8s.io"),
    ("event-storage-age-limit", "default=0"),
    ("event-storage-event-limit", "default=0"),
    ("machine-id-file", "/etc/machine-id,/var/lib/dbus/machine-id"),
    ("storage-driver-db", "cadvisor"),
    ("storage-driver-host", "localhost:8086"),
    ("storage-driver-password", "root"),
    ("storage-driver-table", "stats"),
    ("storage-driver-user", "root"),
];

impl Default for CadvisorFlags {
    fn default() -> Self {
        Self {
            housekeeping_interval: GoDuration::from_secs(10),
            max_housekeeping_interval: GoDuration::from_secs(15),
            global_housekeeping_interval: GoDuration::from_mins(1),
            storage_driver_buffer_duration: GoDuration::from_mins(1),
            application_metrics_count_limit: 100,
            enable_load_reader: false,
            log_cadvisor_usage: false,
            storage_driver_secure: false,
            texts: TEXTS.map(|(_, default)| default.to_owned()),
        }
    }
}

impl Flags for CadvisorFlags {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        const UNUSED: &str = "accepted for compatibility; has no effect";
        flags.section("cadvisor");
        flags.add("housekeeping-interval", &mut self.housekeeping_interval, UNUSED);
        flags.add("max-housekeeping-interval", &mut self.max_housekeeping_interval, UNUSED);
        let durations = [
            ("global-housekeeping-interval", &mut self.global_housekeeping_interval),
            (
                "storage-driver-buffer-duration",
                &mut self.storage_driver_buffer_duration,
            ),
        ];
        for (name, value) in durations {
            flags.add(name, value, UNUSED).deprecated(CADVISOR);
        }
        flags
            .add(
                "application-metrics-count-limit",
                &mut self.application_metrics_count_limit,
                UNUSED,
            )
            .deprecated(CADVISOR);
        let switches = [
            ("enable-load-reader", &mut self.enable_load_reader),
            ("log-cadvisor-usage", &mut self.log_cadvisor_usage),
            ("storage-driver-secure", &mut self.storage_driver_secure),
        ];
        for (name, value) in switches {
            flags.add(name, value, UNUSED).deprecated(CADVISOR);
        }
        for ((name, _), value) in TEXTS.iter().zip(&mut self.texts) {
            flags.add(name, value, UNUSED).deprecated(CADVISOR);
        }
    }
}
