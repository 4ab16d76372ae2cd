//! Objects and proxiers for tests.

use std::sync::Arc;
use std::time::Duration;

use crate::backend::Backend;
use crate::backend::testing::Recorder;
use crate::health::ProxyHealth;
use crate::iptables::{IpTables, IpTablesSettings};
use crate::local_traffic::LocalTraffic;
use crate::metrics::Metrics;
use crate::nftables::{NfTables, NfTablesSettings};
use crate::node_ports::NodePortAddresses;
use crate::proxier::{Proxier, ProxierOptions};
use crate::types::{
    EndpointPort, EndpointSlice, IpFamily, NamespacedName, PortKey, Protocol, Service, ServicePort, SliceEndpoint,
};

/// A service `ns1/NAME` with TCP port `p80` = 80.
pub(crate) fn service(name: &str, cluster_ip: &str) -> Service {
    Service {
        namespace: "ns1".into(),
        name: name.into(),
        cluster_ips: vec![cluster_ip.into()],
        ports: vec![ServicePort {
            name: "p80".into(),
            protocol: Protocol::Tcp,
            port: 80,
            node_port: 0,
        }],
        ..Service::default()
    }
}

/// The only slice of `ns1/NAME`; addresses that start with `*` are on this node.
pub(crate) fn slice(name: &str, addresses: &[&str]) -> Arc<EndpointSlice> {
    let endpoint = |address: &&str| SliceEndpoint {
        ip: address.trim_start_matches('*').parse().unwrap(),
        node_name: address.starts_with('*').then(|| "node-1".into()),
        ready: true,
        serving: true,
        terminating: false,
        hints: None,
    };
    Arc::new(EndpointSlice {
        service: NamespacedName::new("ns1", name),
        name: format!("{name}-1").into(),
        family: Some(if addresses.iter().any(|address| address.contains(':')) {
            IpFamily::V6
        } else {
            IpFamily::V4
        }),
        ports: vec![EndpointPort {
            key: PortKey {
                name: "p80".into(),
                protocol: Protocol::Tcp,
            },
            port: 80,
        }],
        endpoints: addresses.iter().map(endpoint).collect(),
        last_change_trigger_time: None,
    })
}

pub(crate) fn nftables(family: IpFamily, commands: &Arc<Recorder>) -> Box<dyn Backend> {
    let settings = NfTablesSettings {
        masquerade_bit: 14,
        masquerade_all: false,
        local_traffic: LocalTraffic::Cidr("10.0.0.0/8".parse().unwrap()),
        node_port_addresses: NodePortAddresses::new(family, &[]),
        node_ip: Some("192.168.0.2".parse().unwrap()),
    };
    Box::new(NfTables::new(family, settings, commands.clone()))
}

pub(crate) fn iptables(family: IpFamily, commands: &Arc<Recorder>) -> Box<dyn Backend> {
    let settings = IpTablesSettings {
        masquerade_bit: 14,
        masquerade_all: false,
        localhost_node_ports: true,
        conntrack_tcp_be_liberal: false,
        local_traffic: LocalTraffic::Cidr("10.0.0.0/8".parse().unwrap()),
        node_port_addresses: NodePortAddresses::new(family, &[]),
        node_ip: Some("192.168.0.2".parse().unwrap()),
    };
    Box::new(IpTables::new(family, settings, commands.clone()).unwrap())
}

/// A proxier on a backend, told that everything is known.
pub(crate) fn proxier(family: IpFamily, backend: Box<dyn Backend>) -> Proxier {
    let metrics = Arc::new(Metrics::new(&prometheus::Registry::new(), backend.mode()).unwrap());
    let options = ProxierOptions {
        family,
        node_name: "node-1".into(),
        min_sync_period: Duration::from_secs(1),
        sync_period: Duration::from_secs(30),
        metrics,
        health: Arc::new(ProxyHealth::new(Duration::from_secs(60))),
        service_health: None,
        conntrack: None,
    };
    let proxier = Proxier::new(options, backend);
    proxier.services_synced();
    proxier.endpoints_synced();
    proxier
}
