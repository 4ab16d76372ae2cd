//! Files as operators write them.

use super::*;
use crate::sysctl::conntrack_max;

fn load(text: &str) -> Result<KubeProxyConfiguration, String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("config.yaml");
    std::fs::write(&path, format!("apiVersion: {API_VERSION}\nkind: {KIND}\n{text}")).unwrap();
    KubeProxyConfiguration::load(&path).map_err(|error| error.to_string())
}

#[test]
fn defaults() {
    let configuration = load("").unwrap();
    assert_eq!(configuration.mode(), "iptables");
    assert_eq!(configuration.healthz_bind_address, "0.0.0.0:10256");
    assert_eq!(configuration.metrics_bind_address, "127.0.0.1:10249");
    assert_eq!(configuration.iptables.masquerade_bit, Some(14));
    assert_eq!(configuration.oom_score_adj, Some(-999));
    assert_eq!(
        configuration.sync_periods(),
        (GoDuration::from_secs(30), GoDuration::from_secs(1))
    );
    assert_eq!(
        configuration.conntrack.tcp_established_timeout,
        Some(GoDuration::from_hours(24))
    );
    assert_eq!(conntrack_max(&configuration.conntrack, 2), 131_072);
    assert_eq!(conntrack_max(&configuration.conntrack, 8), 262_144);
    assert_eq!(conntrack_max(&configuration.conntrack, 64), 1_048_576);
    assert!(validate(&configuration).is_empty());
}

#[test]
fn a_file_of_kubeadm() {
    let configuration = load(
        "bindAddress: \"::\"\nbindAddressHardFail: false\nclientConnection:\n  acceptContentTypes: \"\"\n  burst: 0\n  contentType: \"\"\n  kubeconfig: /var/lib/kube-proxy/kubeconfig.conf\n  qps: 0\nclusterCIDR: 10.244.0.0/16,fd00:10::/56\nconfigSyncPeriod: 0s\nconntrack:\n  maxPerCore: 0\n  min: null\n  tcpEstablishedTimeout: null\ndetectLocal:\n  bridgeInterface: \"\"\n  interfaceNamePrefix: \"\"\ndetectLocalMode: \"\"\nenableProfiling: false\nhealthzBindAddress: \"\"\nhostnameOverride: \"\"\nmetricsBindAddress: 10.0.0.1\nmode: nftables\nnodePortAddresses: null\nnftables:\n  masqueradeAll: false\n  masqueradeBit: null\n  minSyncPeriod: 5s\n  syncPeriod: 1m0s\noomScoreAdj: null\nportRange: \"\"\nlogging:\n  verbosity: 0\n",
    )
    .unwrap();
    assert_eq!(configuration.healthz_bind_address, "[::]:10256");
    assert_eq!(configuration.metrics_bind_address, "10.0.0.1:10249");
    assert_eq!(
        configuration.sync_periods(),
        (GoDuration::from_mins(1), GoDuration::from_secs(5))
    );
    assert_eq!(conntrack_max(&configuration.conntrack, 8), 0);
    assert_eq!(
        configuration.local_traffic(IpFamily::V6, &[]),
        LocalTraffic::Cidr("fd00:10::/56".parse().unwrap())
    );
    assert_eq!(
        configuration.node_port_ranges(&["10.0.0.5".parse().unwrap()]),
        ["10.0.0.5/32".parse::<IpNet>().unwrap()]
    );
    assert!(validate(&configuration).is_empty());
}

#[test]
fn unknown_fields_are_refused() {
    let error = load("iptables:\n  masqueradeBits: 3\n").expect_err("an unknown field");
    assert!(error.contains("masqueradeBits"), "{error}");
}

#[test]
fn errors_are_all_reported() {
    let configuration = load(
        "mode: userspace\nbindAddress: nowhere\nhealthzBindAddress: 1.2.3.4:0\niptables:\n  masqueradeBit: 32\n  minSyncPeriod: 60s\nnodePortAddresses: [primary, 10.0.0.0/8]\ndetectLocalMode: BridgeInterface\noomScoreAdj: 2000\n",
    )
    .unwrap();
    let lines: Vec<String> = validate(&configuration).iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        [
            "KubeProxyConfiguration.KubeProxyIPTablesConfiguration.MasqueradeBit: Invalid value: 32: must be within the range [0, 31]",
            "KubeProxyConfiguration.KubeProxyLinuxConfiguration.OOMScoreAdj: Invalid value: 2000: must be within the range [-1000, 1000]",
            "KubeProxyConfiguration.Mode.ProxyMode: Invalid value: \"userspace\": must be iptables, ipvs, nftables or blank (blank means the best-available proxy [currently iptables])",
            "KubeProxyConfiguration.SyncPeriod: Invalid value: \"1m0s\": must be greater than or equal to KubeProxyConfiguration.MinSyncPeriod",
            "KubeProxyConfiguration.BindAddress: Invalid value: \"nowhere\": not a valid textual representation of an IP address",
            "KubeProxyConfiguration.HealthzBindAddress: Invalid value: \"0\": must be a valid port",
            "KubeProxyConfiguration.NodePortAddresses[0]: Invalid value: \"primary\": can't use both 'primary' and CIDRs",
            "KubeProxyConfiguration.DetectLocalConfiguration.InterfaceName: Invalid value: \"\": must not be empty",
        ]
    );
}
