//! The file `--config` names: `KubeProxyConfiguration` of `kubeproxy.config.k8s.io/v1alpha1`.
//!
//! Fields, defaults and messages are upstream's; unknown fields are refused by the loader. Modes this proxy does not
//! have (`ipvs`) are accepted as configuration and refused when the proxy starts.

mod validation;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use component_base::GoDuration;
use component_base::config::ConfigError;
use ipnet::IpNet;
use serde::{Deserialize, Deserializer, Serialize};

use crate::local_traffic::LocalTraffic;
use crate::types::IpFamily;

pub use validation::{FieldError, validate};

/// The document's `apiVersion`.
pub const API_VERSION: &str = "kubeproxy.config.k8s.io/v1alpha1";
/// The document's `kind`.
pub const KIND: &str = "KubeProxyConfiguration";
/// The value of `nodePortAddresses` that stands for the node's own addresses.
pub const PRIMARY: &str = "primary";

/// Go reads `null` like an absent field.
fn null_is_default<'de, D: Deserializer<'de>, T: Default + Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

macro_rules! configuration {
    ($(#[$meta:meta])* $name:ident { $($(#[$field_meta:meta])* $field:ident: $type:ty,)+ }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase", default, deny_unknown_fields)]
        pub struct $name {
            $($(#[$field_meta])* #[serde(deserialize_with = "null_is_default")] pub $field: $type,)+
        }
    };
}

configuration!(
    /// `iptables`.
    IpTablesConfiguration {
        /// Bit of the packet mark that asks for masquerading.
        masquerade_bit: Option<i32>,
        /// Masquerade all traffic to cluster IPs.
        masquerade_all: bool,
        /// Accept node ports on IPv4 loopback addresses.
        localhost_node_ports: Option<bool>,
        /// Interval of retries and checks.
        sync_period: GoDuration,
        /// Least time between syncs.
        min_sync_period: GoDuration,
    }
);

configuration!(
    /// `nftables`.
    NfTablesConfiguration {
        /// Bit of the packet mark that asks for masquerading.
        masquerade_bit: Option<i32>,
        /// Masquerade all traffic to cluster IPs.
        masquerade_all: bool,
        /// Interval of retries and checks.
        sync_period: GoDuration,
        /// Least time between syncs.
        min_sync_period: GoDuration,
    }
);

configuration!(
    /// `ipvs`.
    IpvsConfiguration {
        /// Interval of retries and checks.
        sync_period: GoDuration,
        /// Least time between syncs.
        min_sync_period: GoDuration,
        /// Scheduler.
        scheduler: String,
        /// Ranges that are left alone.
        #[serde(rename = "excludeCIDRs")]
        exclude_cidrs: Vec<String>,
        /// Set `arp_ignore` and `arp_announce`.
        #[serde(rename = "strictARP")]
        strict_arp: bool,
        /// Timeout of idle TCP connections.
        tcp_timeout: GoDuration,
        /// Timeout after a FIN.
        tcp_fin_timeout: GoDuration,
        /// Timeout of UDP flows.
        udp_timeout: GoDuration,
    }
);

configuration!(
    /// `conntrack`.
    ConntrackConfiguration {
        /// Entries per CPU; 0 leaves the limit as it is.
        max_per_core: Option<i32>,
        /// Least number of entries.
        min: Option<i32>,
        /// Timeout of idle TCP connections; 0 leaves it as it is.
        tcp_established_timeout: Option<GoDuration>,
        /// Timeout of half closed TCP connections.
        tcp_close_wait_timeout: Option<GoDuration>,
        /// Accept packets out of the window.
        tcp_be_liberal: bool,
        /// Timeout of unanswered UDP flows.
        udp_timeout: GoDuration,
        /// Timeout of answered UDP flows.
        udp_stream_timeout: GoDuration,
    }
);

configuration!(
    /// `winkernel`: accepted, without effect.
    WinkernelConfiguration {
        /// Network name.
        network_name: String,
        /// Source address.
        source_vip: String,
        /// Direct server return.
        #[serde(rename = "enableDSR")]
        enable_dsr: bool,
        /// Endpoint name.
        root_hns_endpoint_name: String,
        /// Forward health checks.
        forward_health_check_vip: bool,
    }
);

configuration!(
    /// `detectLocal`.
    DetectLocalConfiguration {
        /// Bridge, for mode `BridgeInterface`.
        bridge_interface: String,
        /// Prefix, for mode `InterfaceNamePrefix`.
        interface_name_prefix: String,
    }
);

configuration!(
    /// `clientConnection`.
    ClientConnectionConfiguration {
        /// Path of the kubeconfig file.
        kubeconfig: String,
        /// `Accept` header of requests.
        accept_content_types: String,
        /// `Content-Type` of requests.
        content_type: String,
        /// Requests per second.
        qps: f32,
        /// Requests at once.
        burst: i32,
    }
);

configuration!(
    /// The whole file.
    KubeProxyConfiguration {
        /// `kubeproxy.config.k8s.io/v1alpha1`.
        api_version: String,
        /// `KubeProxyConfiguration`.
        kind: String,
        /// Feature gates.
        feature_gates: BTreeMap<String, bool>,
        /// Connection to the API server.
        client_connection: ClientConnectionConfiguration,
        /// Logging; read by the program.
        logging: serde_json::Value,
        /// Name of the node, when it is not the host's.
        hostname_override: String,
        /// Overrides the node's address; no socket is bound to it.
        bind_address: String,
        /// Where `/healthz` is served.
        healthz_bind_address: String,
        /// Where metrics are served.
        metrics_bind_address: String,
        /// A port that cannot be bound ends the program.
        bind_address_hard_fail: bool,
        /// Serve profiles.
        enable_profiling: bool,
        /// Version whose hidden metrics are shown.
        show_hidden_metrics_for_version: String,
        /// `iptables`, `nftables` or `ipvs`; empty is `iptables`.
        mode: String,
        /// Settings of mode iptables.
        iptables: IpTablesConfiguration,
        /// Settings of mode ipvs.
        ipvs: IpvsConfiguration,
        /// Settings of mode nftables.
        nftables: NfTablesConfiguration,
        /// Settings of Windows.
        winkernel: WinkernelConfiguration,
        /// How pod traffic is recognised.
        detect_local_mode: String,
        /// Details of that.
        detect_local: DetectLocalConfiguration,
        /// Ranges of the cluster's pods, separated by commas.
        #[serde(rename = "clusterCIDR")]
        cluster_cidr: String,
        /// Ranges of node addresses that accept node ports, or `primary`.
        node_port_addresses: Vec<String>,
        /// The process's `oom_score_adj`.
        oom_score_adj: Option<i32>,
        /// Settings of conntrack.
        conntrack: ConntrackConfiguration,
        /// How often configuration is read again.
        config_sync_period: GoDuration,
        /// Without effect.
        port_range: String,
        /// Without effect.
        windows_run_as_service: bool,
    }
);

impl KubeProxyConfiguration {
    /// Reads a file and sets what it leaves out.
    ///
    /// # Errors
    /// When the file cannot be read or is no such configuration.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let mut configuration: Self = component_base::config::load(path, &[(API_VERSION, KIND)])?;
        configuration.set_defaults();
        Ok(configuration)
    }

    /// Sets everything that is not set to upstream's default.
    pub fn set_defaults(&mut self) {
        let or = |field: &mut GoDuration, default: GoDuration| {
            if field.is_zero() {
                *field = default;
            }
        };
        API_VERSION.clone_into(&mut self.api_version);
        KIND.clone_into(&mut self.kind);
        if self.bind_address.is_empty() {
            "0.0.0.0".clone_into(&mut self.bind_address);
        }
        let v4 = self.bind_address.parse::<IpAddr>().is_ok_and(|ip| ip.is_ipv4());
        let (any, loopback) = if v4 {
            ("0.0.0.0", "127.0.0.1")
        } else {
            ("[::]", "[::1]")
        };
        default_address(&mut self.healthz_bind_address, any, 10256);
        default_address(&mut self.metrics_bind_address, loopback, 10249);
        self.oom_score_adj.get_or_insert(-999);
        or(&mut self.iptables.sync_period, GoDuration::from_secs(30));
        or(&mut self.iptables.min_sync_period, GoDuration::from_secs(1));
        or(&mut self.nftables.sync_period, GoDuration::from_secs(30));
        or(&mut self.nftables.min_sync_period, GoDuration::from_secs(1));
        or(&mut self.ipvs.sync_period, GoDuration::from_secs(30));
        self.iptables.localhost_node_ports.get_or_insert(true);
        self.iptables.masquerade_bit.get_or_insert(14);
        self.nftables.masquerade_bit.get_or_insert(14);
        self.conntrack.max_per_core.get_or_insert(32 * 1024);
        self.conntrack.min.get_or_insert(128 * 1024);
        self.conntrack
            .tcp_established_timeout
            .get_or_insert(GoDuration::from_hours(24));
        self.conntrack
            .tcp_close_wait_timeout
            .get_or_insert(GoDuration::from_hours(1));
        or(&mut self.config_sync_period, GoDuration::from_mins(15));
        let client = &mut self.client_connection;
        if client.content_type.is_empty() {
            "application/vnd.kubernetes.protobuf".clone_into(&mut client.content_type);
        }
        if client.qps == 0.0 {
            client.qps = 5.0;
        }
        if client.burst == 0 {
            client.burst = 10;
        }
    }

    /// The mode that runs: empty is iptables.
    #[must_use]
    pub fn mode(&self) -> &str {
        if self.mode.is_empty() { "iptables" } else { &self.mode }
    }

    /// The mode's interval of retries and its least time between syncs.
    #[must_use]
    pub fn sync_periods(&self) -> (GoDuration, GoDuration) {
        match self.mode() {
            "nftables" => (self.nftables.sync_period, self.nftables.min_sync_period),
            "ipvs" => (self.ipvs.sync_period, self.ipvs.min_sync_period),
            _ => (self.iptables.sync_period, self.iptables.min_sync_period),
        }
    }

    /// How pod traffic is recognised in a family, given the node's pod ranges.
    #[must_use]
    pub fn local_traffic(&self, family: IpFamily, pod_cidrs: &[IpNet]) -> LocalTraffic {
        let of_family = |net: &&IpNet| IpFamily::of(net.addr()) == family;
        let by_range = |net: Option<&IpNet>| net.map_or(LocalTraffic::Unknown, |net| LocalTraffic::Cidr(*net));
        match self.detect_local_mode.as_str() {
            "NodeCIDR" => by_range(pod_cidrs.iter().find(of_family)),
            "BridgeInterface" => LocalTraffic::Bridge(self.detect_local.bridge_interface.clone()),
            "InterfaceNamePrefix" => LocalTraffic::InterfacePrefix(self.detect_local.interface_name_prefix.clone()),
            _ => by_range(self.cluster_cidrs().iter().find(of_family)),
        }
    }

    /// The cluster's pod ranges; what is no range has been refused by [`validate`].
    #[must_use]
    pub fn cluster_cidrs(&self) -> Vec<IpNet> {
        self.cluster_cidr
            .split(',')
            .filter_map(|text| text.trim().parse().ok())
            .collect()
    }

    /// The ranges that accept node ports. Mode nftables without any takes the node's own addresses, as does `primary`.
    #[must_use]
    pub fn node_port_ranges(&self, node_ips: &[IpAddr]) -> Vec<IpNet> {
        let primary = match self.node_port_addresses.as_slice() {
            [] => self.mode() == "nftables",
            [only] => only == PRIMARY,
            _ => false,
        };
        if primary {
            return node_ips.iter().map(|ip| IpNet::from(*ip)).collect();
        }
        self.node_port_addresses
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect()
    }
}

/// Fills in an address, or its port.
fn default_address(field: &mut String, ip: &str, port: u16) {
    if field.is_empty() {
        *field = format!("{ip}:{port}");
    } else if let Ok(bare) = field.parse::<IpAddr>() {
        *field = std::net::SocketAddr::new(bare, port).to_string();
    }
}

#[cfg(test)]
mod tests;
