//! Flags over the configuration file.
//!
//! With `--config` the file alone counts, but for the name of the node and what is not part of the file; without it the
//! flags fill the same structure. Counterpart upstream: `cmd/kube-proxy/app/options.go`.

use std::path::{Path, PathBuf};

use component_base::{
    config::ConfigError,
    feature_gates::{FeatureGateError, FeatureGates},
    flags::{FlagSet, Flags},
    logs::LoggingConfiguration,
};
use kube_proxy_lib::config::{FieldError, KubeProxyConfiguration, validate};

/// What the command line says.
#[derive(Debug)]
pub struct ProxyOptions {
    /// `--config`
    pub config_file: String,
    /// `--write-config-to`
    pub write_config_to: String,
    /// `--cleanup`: remove every rule and end.
    pub cleanup: bool,
    /// `--init-only`: set what needs privilege and end.
    pub init_only: bool,
    /// `--master`
    pub master: String,
    /// `--hostname-override`
    pub hostname_override: String,
    /// The flags that have a counterpart in the file.
    pub configuration: KubeProxyConfiguration,
    /// `--machine-id-file`, `--boot-id-file`: accepted, without effect as upstream.
    id_files: [String; 2],
    /// `-v`, `--logging-format`, …
    pub logging: LoggingConfiguration,
    /// `--feature-gates`
    pub gates: FeatureGates,
}

impl Default for ProxyOptions {
    fn default() -> Self {
        let mut configuration = KubeProxyConfiguration::default();
        configuration.set_defaults();
        Self {
            config_file: String::new(),
            write_config_to: String::new(),
            cleanup: false,
            init_only: false,
            master: String::new(),
            hostname_override: String::new(),
            configuration,
            id_files: [
                "/etc/machine-id,/var/lib/dbus/machine-id".to_owned(),
                "/proc/sys/kernel/random/boot_id".to_owned(),
            ],
            logging: LoggingConfiguration::default(),
            gates: FeatureGates::default(),
        }
    }
}

/// Why the options cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OptionsError {
    /// The file.
    #[error(transparent)]
    File(#[from] ConfigError),
    /// A gate in the file.
    #[error(transparent)]
    Gates(#[from] FeatureGateError),
    /// What the configuration says.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Invalid(Vec<FieldError>),
    /// The name of the node.
    #[error("empty hostname is invalid")]
    EmptyHostname,
    /// The host's own name.
    #[error("cannot read the host's name")]
    Hostname(#[source] nix::Error),
}

/// Options that are checked and belong together.
#[derive(Debug)]
pub struct CompletedOptions {
    /// The configuration.
    pub configuration: KubeProxyConfiguration,
    /// The node's name.
    pub node_name: String,
    /// `--master`
    pub master: String,
    /// `--cleanup`
    pub cleanup: bool,
    /// `--init-only`
    pub init_only: bool,
    /// `--write-config-to`
    pub write_config_to: Option<PathBuf>,
    /// Which features are on.
    pub gates: FeatureGates,
}

impl ProxyOptions {
    /// Joins flags and file; `given` names the flags that were on the command line.
    ///
    /// # Errors
    /// If the file cannot be read, or what both say is not valid.
    pub fn complete(self, given: &[&str]) -> Result<CompletedOptions, OptionsError> {
        let mut gates = self.gates;
        let configuration = if self.config_file.is_empty() {
            let mut configuration = self.configuration;
            configuration.set_defaults();
            configuration
        } else {
            let ignored: Vec<_> = given.iter().filter(|name| !BESIDE_THE_FILE.contains(name)).collect();
            if !ignored.is_empty() {
                tracing::warn!(
                    flags = ?ignored,
                    "Warning, all flags other than flags such as --config, --write-config-to, and --cleanup are deprecated, \
                     please begin using a config file ASAP"
                );
            }
            let file = KubeProxyConfiguration::load(Path::new(&self.config_file))?;
            for (gate, on) in &file.feature_gates {
                gates.set_from_text(&format!("{gate}={on}"))?;
            }
            file
        };
        let errors = validate(&configuration);
        if !errors.is_empty() {
            return Err(OptionsError::Invalid(errors));
        }
        let wanted = if self.hostname_override.is_empty() {
            configuration.hostname_override.as_str()
        } else {
            self.hostname_override.as_str()
        };
        Ok(CompletedOptions {
            node_name: node_name(wanted)?,
            configuration,
            master: self.master,
            cleanup: self.cleanup,
            init_only: self.init_only,
            write_config_to: (!self.write_config_to.is_empty()).then(|| self.write_config_to.into()),
            gates,
        })
    }
}

/// Flags that count beside a file.
const BESIDE_THE_FILE: [&str; 8] = [
    "config",
    "write-config-to",
    "cleanup",
    "init-only",
    "hostname-override",
    "v",
    "vmodule",
    "logging-format",
];

/// The name under which the node is registered: as given, or the host's, in lower case.
fn node_name(wanted: &str) -> Result<String, OptionsError> {
    let host;
    let name = if wanted.is_empty() {
        host = nix::unistd::gethostname().map_err(OptionsError::Hostname)?;
        host.to_string_lossy()
    } else {
        wanted.into()
    };
    let name = name.trim().to_lowercase();
    if name.is_empty() {
        return Err(OptionsError::EmptyHostname);
    }
    Ok(name)
}

impl component_base::program::Configured for ProxyOptions {
    fn logging(&self) -> (&LoggingConfiguration, &FeatureGates) {
        (&self.logging, &self.gates)
    }
}

impl Flags for ProxyOptions {
    #[expect(clippy::too_many_lines, reason = "a list of flags")]
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        let KubeProxyConfiguration {
            client_connection,
            bind_address,
            healthz_bind_address,
            metrics_bind_address,
            bind_address_hard_fail,
            enable_profiling,
            show_hidden_metrics_for_version,
            mode,
            iptables,
            ipvs,
            nftables: _,
            detect_local_mode,
            detect_local,
            cluster_cidr,
            node_port_addresses,
            oom_score_adj,
            conntrack,
            config_sync_period,
            ..
        } = &mut self.configuration;
        let [machine_id, boot_id] = &mut self.id_files;
        flags
            .section("generic")
            .add(
                "config",
                &mut self.config_file,
                "file with the configuration; flags beside it are not used",
            )
            .add(
                "write-config-to",
                &mut self.write_config_to,
                "write the configuration with its defaults to this file and end",
            )
            .add(
                "cleanup",
                &mut self.cleanup,
                "remove every rule of this program and end",
            )
            .add(
                "init-only",
                &mut self.init_only,
                "set what needs full privileges and end",
            )
            .add(
                "hostname-override",
                &mut self.hostname_override,
                "name of the node, instead of the host's",
            )
            .add("machine-id-file", machine_id, "files to look for the machine's id in")
            .add("boot-id-file", boot_id, "files to look for the boot's id in")
            .add(
                "bind-address",
                bind_address,
                "address of the node, of the family that is the primary one",
            )
            .add(
                "bind-address-hard-fail",
                bind_address_hard_fail,
                "end when a port cannot be bound",
            )
            .add(
                "healthz-bind-address",
                healthz_bind_address,
                "where health is served; empty for nowhere",
            )
            .add(
                "metrics-bind-address",
                metrics_bind_address,
                "where metrics are served; empty for nowhere",
            )
            .add("profiling", enable_profiling, "serve profiles")
            .add(
                "show-hidden-metrics-for-version",
                show_hidden_metrics_for_version,
                "the previous version whose hidden metrics are shown",
            )
            .add(
                "oom-score-adj",
                oom_score_adj,
                "the process's oom_score_adj, -1000 to 1000",
            )
            .add(
                "config-sync-period",
                config_sync_period,
                "how often configuration is read again",
            );
        flags
            .section("client")
            .add(
                "kubeconfig",
                &mut client_connection.kubeconfig,
                "file that says how to reach the API server",
            )
            .add(
                "master",
                &mut self.master,
                "address of the API server, instead of the kubeconfig's",
            )
            .add(
                "kube-api-content-type",
                &mut client_connection.content_type,
                "content type of requests",
            )
            .add("kube-api-qps", &mut client_connection.qps, "requests per second")
            .add("kube-api-burst", &mut client_connection.burst, "requests at once");
        flags
            .section("proxy")
            .add("proxy-mode", mode, "iptables, nftables or ipvs; empty for iptables")
            .add(
                "cluster-cidr",
                cluster_cidr,
                "ranges of the cluster's pods, separated by commas",
            )
            .add(
                "detect-local-mode",
                detect_local_mode,
                "how traffic of local pods is recognised",
            )
            .add(
                "pod-bridge-interface",
                &mut detect_local.bridge_interface,
                "the bridge of local pods",
            )
            .add(
                "pod-interface-name-prefix",
                &mut detect_local.interface_name_prefix,
                "how the names of local pods' interfaces begin",
            )
            .add(
                "nodeport-addresses",
                node_port_addresses,
                "ranges of addresses that accept node ports, or primary",
            )
            .add(
                "masquerade-all",
                &mut iptables.masquerade_all,
                "masquerade all traffic to cluster addresses",
            )
            .add(
                "iptables-masquerade-bit",
                &mut iptables.masquerade_bit,
                "bit of the mark that asks for masquerading",
            )
            .add(
                "iptables-localhost-nodeports",
                &mut iptables.localhost_node_ports,
                "accept node ports on loopback",
            )
            .add(
                "iptables-sync-period",
                &mut iptables.sync_period,
                "interval of retries and checks",
            )
            .add(
                "iptables-min-sync-period",
                &mut iptables.min_sync_period,
                "least time between syncs",
            )
            .add(
                "ipvs-sync-period",
                &mut ipvs.sync_period,
                "interval of retries and checks",
            )
            .add(
                "ipvs-min-sync-period",
                &mut ipvs.min_sync_period,
                "least time between syncs",
            )
            .add("ipvs-scheduler", &mut ipvs.scheduler, "scheduler of mode ipvs")
            .add(
                "ipvs-exclude-cidrs",
                &mut ipvs.exclude_cidrs,
                "ranges that mode ipvs leaves alone",
            )
            .add(
                "ipvs-strict-arp",
                &mut ipvs.strict_arp,
                "set arp_ignore and arp_announce",
            )
            .add(
                "ipvs-tcp-timeout",
                &mut ipvs.tcp_timeout,
                "timeout of idle TCP connections",
            )
            .add("ipvs-tcpfin-timeout", &mut ipvs.tcp_fin_timeout, "timeout after a FIN")
            .add("ipvs-udp-timeout", &mut ipvs.udp_timeout, "timeout of UDP flows");
        flags
            .section("conntrack")
            .add(
                "conntrack-max-per-core",
                &mut conntrack.max_per_core,
                "entries per CPU; 0 leaves the limit as it is",
            )
            .add("conntrack-min", &mut conntrack.min, "least number of entries")
            .add(
                "conntrack-tcp-timeout-established",
                &mut conntrack.tcp_established_timeout,
                "timeout of idle TCP connections; 0 leaves it as it is",
            )
            .add(
                "conntrack-tcp-timeout-close-wait",
                &mut conntrack.tcp_close_wait_timeout,
                "timeout of half closed TCP connections",
            )
            .add(
                "conntrack-tcp-be-liberal",
                &mut conntrack.tcp_be_liberal,
                "accept packets out of the window",
            )
            .add(
                "conntrack-udp-timeout",
                &mut conntrack.udp_timeout,
                "timeout of unanswered UDP flows; 0 leaves it",
            )
            .add(
                "conntrack-udp-timeout-stream",
                &mut conntrack.udp_stream_timeout,
                "timeout of answered UDP flows; 0 leaves it",
            );
        self.logging.add_flags(flags);
        self.gates.add_flags(flags);
    }
}
