//! What a configuration must satisfy, with upstream's paths and words.

use std::net::IpAddr;

use component_base::GoDuration;
use ipnet::IpNet;

use super::{KubeProxyConfiguration, PRIMARY};

/// One field that is wrong; `Display` is upstream's line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("KubeProxyConfiguration.{path}: Invalid value: {value}: {message}")]
pub struct FieldError {
    path: String,
    value: String,
    message: String,
}

struct Errors(Vec<FieldError>);

impl Errors {
    fn check(&mut self, good: bool, path: &str, value: impl ToString, message: &str) {
        if !good {
            self.0.push(FieldError {
                path: path.to_owned(),
                value: value.to_string(),
                message: message.to_owned(),
            });
        }
    }

    fn text(&mut self, good: bool, path: &str, value: &str, message: &str) {
        self.check(good, path, format!("{value:?}"), message);
    }

    fn not_negative(&mut self, path: &str, duration: GoDuration) {
        self.text(
            duration >= GoDuration::ZERO,
            path,
            &duration.to_string(),
            "must be greater than or equal to 0",
        );
    }
}

/// All errors of a configuration whose defaults are set.
#[must_use]
pub fn validate(configuration: &KubeProxyConfiguration) -> Vec<FieldError> {
    let mut errors = Errors(Vec::new());
    let bit = |bit: Option<i32>| bit.is_none_or(|bit| (0..=31).contains(&bit));
    let range = "must be within the range [0, 31]";
    let iptables = configuration.iptables.masquerade_bit;
    errors.check(
        bit(iptables),
        "KubeProxyIPTablesConfiguration.MasqueradeBit",
        iptables.unwrap_or(0),
        range,
    );
    if configuration.mode == "nftables" {
        let nftables = configuration.nftables.masquerade_bit;
        errors.check(
            bit(nftables),
            "KubeProxyNFTablesConfiguration.MasqueradeBit",
            nftables.unwrap_or(0),
            range,
        );
    }
    let score = configuration.oom_score_adj.unwrap_or(0);
    let score_range = "must be within the range [-1000, 1000]";
    errors.check(
        (-1000..=1000).contains(&score),
        "KubeProxyLinuxConfiguration.OOMScoreAdj",
        score,
        score_range,
    );
    conntrack(configuration, &mut errors);
    errors.text(
        matches!(configuration.mode.as_str(), "" | "iptables" | "ipvs" | "nftables"),
        "Mode.ProxyMode",
        &configuration.mode,
        "must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])",
    );
    let burst = configuration.client_connection.burst;
    errors.check(
        burst >= 0,
        "ClientConnection.Burst",
        burst,
        "must be greater than or equal to 0",
    );
    let period = configuration.config_sync_period;
    errors.text(
        period > GoDuration::ZERO,
        "ConfigSyncPeriod",
        &period.to_string(),
        "must be greater than 0",
    );
    let (sync, min) = configuration.sync_periods();
    errors.text(
        sync > GoDuration::ZERO,
        "SyncPeriod",
        &sync.to_string(),
        "must be greater than 0",
    );
    errors.not_negative("MinSyncPeriod", min);
    errors.text(
        min <= sync,
        "SyncPeriod",
        &min.to_string(),
        "must be greater than or equal to KubeProxyConfiguration.MinSyncPeriod",
    );
    let bind = &configuration.bind_address;
    errors.text(
        bind.parse::<IpAddr>().is_ok(),
        "BindAddress",
        bind,
        "not a valid textual representation of an IP address",
    );
    for (path, address) in [
        ("HealthzBindAddress", &configuration.healthz_bind_address),
        ("MetricsBindAddress", &configuration.metrics_bind_address),
    ] {
        host_port(path, address, &mut errors);
    }
    node_port_addresses(&configuration.node_port_addresses, &mut errors);
    detect_local(configuration, &mut errors);
    errors.0
}

fn conntrack(configuration: &KubeProxyConfiguration, errors: &mut Errors) {
    let (conntrack, path) = (
        &configuration.conntrack,
        "KubeProxyLinuxConfiguration.KubeProxyConntrackConfiguration",
    );
    for (name, value) in [("MaxPerCore", conntrack.max_per_core), ("Min", conntrack.min)] {
        let value = value.unwrap_or(0);
        errors.check(
            value >= 0,
            &format!("{path}.{name}"),
            value,
            "must be greater than or equal to 0",
        );
    }
    for (name, timeout) in [
        (
            "TCPEstablishedTimeout",
            conntrack.tcp_established_timeout.unwrap_or_default(),
        ),
        (
            "TCPCloseWaitTimeout",
            conntrack.tcp_close_wait_timeout.unwrap_or_default(),
        ),
        ("UDPTimeout", conntrack.udp_timeout),
        ("UDPStreamTimeout", conntrack.udp_stream_timeout),
    ] {
        errors.not_negative(&format!("{path}.{name}"), timeout);
    }
}

fn host_port(path: &str, address: &str, errors: &mut Errors) {
    let Some((host, port)) = address.rsplit_once(':') else {
        return errors.text(false, path, address, "must be IP:port");
    };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    errors.text(bare.parse::<IpAddr>().is_ok(), path, bare, "must be a valid IP");
    errors.text(
        port.parse::<u16>().is_ok_and(|port| port > 0),
        path,
        port,
        "must be a valid port",
    );
}

fn node_port_addresses(addresses: &[String], errors: &mut Errors) {
    for (index, address) in addresses.iter().enumerate() {
        let path = format!("NodePortAddresses[{index}]");
        if address == PRIMARY {
            errors.text(
                addresses.len() == 1,
                &path,
                address,
                "can't use both 'primary' and CIDRs",
            );
            break;
        }
        errors.text(address.parse::<IpNet>().is_ok(), &path, address, "must be a valid CIDR");
    }
}

fn detect_local(configuration: &KubeProxyConfiguration, errors: &mut Errors) {
    let (path, details) = ("DetectLocalConfiguration", &configuration.detect_local);
    match configuration.detect_local_mode.as_str() {
        "" | "NodeCIDR" => {}
        "BridgeInterface" => {
            let name = &details.bridge_interface;
            errors.text(
                !name.is_empty(),
                &format!("{path}.InterfaceName"),
                name,
                "must not be empty",
            );
        }
        "InterfaceNamePrefix" => {
            let prefix = &details.interface_name_prefix;
            errors.text(
                !prefix.is_empty(),
                &format!("{path}.InterfacePrefix"),
                prefix,
                "must not be empty",
            );
        }
        "ClusterCIDR" => {
            let texts: Vec<&str> = configuration
                .cluster_cidr
                .split(',')
                .filter(|text| !text.is_empty())
                .collect();
            let message =
                "must be a either a single CIDR or dual-stack pair of CIDRs (e.g. [10.100.0.0/16, fde4:8dba:82e1::/48]";
            let nets: Vec<IpNet> = texts.iter().filter_map(|text| text.trim().parse().ok()).collect();
            for (index, text) in texts.iter().enumerate() {
                let good = text.trim().parse::<IpNet>().is_ok();
                let path = format!("{path}.ClusterCIDRs[{index}]");
                errors.text(
                    good,
                    &path,
                    text,
                    "must be a valid CIDR block (e.g. 10.100.0.0/16 or fde4:8dba:82e1::/48)",
                );
            }
            let pair = match nets.as_slice() {
                [a, b] => a.addr().is_ipv4() != b.addr().is_ipv4(),
                _ => texts.len() <= 2,
            };
            errors.text(
                pair,
                &format!("{path}.ClusterCIDRs"),
                &configuration.cluster_cidr,
                message,
            );
        }
        other => errors.0.push(FieldError {
            path: "DetectLocalMode".to_owned(),
            value: format!("{other:?}"),
            message:
                "supported values: \"\", \"BridgeInterface\", \"ClusterCIDR\", \"InterfaceNamePrefix\", \"NodeCIDR\""
                    .to_owned(),
        }),
    }
}
