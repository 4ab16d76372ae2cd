//! The proxiers of the families that the machine has, on the backend that the configuration names.

use std::net::IpAddr;
use std::sync::Arc;

use k8s_api::core::v1::Node;
use kube_proxy_lib::{
    backend::{Backend, BackendError, CommandRunner},
    config::KubeProxyConfiguration,
    conntrack::{Conntrack, NetlinkConntrack},
    health::{EventSink, ProxyHealth, ServiceHealthServer},
    iptables::{IpTables, IpTablesSettings},
    metrics::Metrics,
    nftables::{NfTables, NfTablesSettings},
    node_ports::NodePortAddresses,
    proxier::{Proxier, ProxierOptions, Proxiers},
    sysctl,
    types::IpFamily,
};

use crate::{RunError, node};

/// What the proxiers are made of besides the configuration.
pub(crate) struct Parts<'a> {
    pub(crate) configuration: &'a KubeProxyConfiguration,
    pub(crate) node: &'a Node,
    pub(crate) node_name: &'a str,
    pub(crate) commands: Arc<dyn CommandRunner>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<ProxyHealth>,
    pub(crate) events: EventSink,
}

/// A proxier for each family that works here. The family of the node's first address must.
pub(crate) fn proxiers(parts: &Parts<'_>) -> Result<Proxiers, RunError> {
    let configuration = parts.configuration;
    let mut node_ips = node::addresses(parts.node);
    if let Ok(bind) = configuration.bind_address.parse::<IpAddr>()
        && !bind.is_unspecified()
    {
        node_ips.insert(0, bind);
    }
    let primary = node_ips.first().map_or(IpFamily::V4, |ip| IpFamily::of(*ip));
    let mut found = Vec::new();
    for family in [IpFamily::V4, IpFamily::V6] {
        match backend(parts, family, &node_ips) {
            Ok(backend) => found.push(Arc::new(proxier(parts, family, &node_ips, backend))),
            Err(error) if family == primary => return Err(error.into()),
            Err(error) => tracing::info!(%family, %error, "this family is not proxied"),
        }
    }
    Ok(Proxiers(found))
}

fn backend(parts: &Parts<'_>, family: IpFamily, node_ips: &[IpAddr]) -> Result<Box<dyn Backend>, BackendError> {
    let configuration = parts.configuration;
    let local_traffic = configuration.local_traffic(family, &node::pod_cidrs(parts.node));
    let node_port_addresses = NodePortAddresses::new(family, &configuration.node_port_ranges(node_ips));
    let node_ip = node_ips.iter().copied().find(|ip| IpFamily::of(*ip) == family);
    // Both are within 0 and 31, as validation demands.
    let bit = |bit: Option<i32>| bit.and_then(|bit| u8::try_from(bit).ok()).unwrap_or(14);
    Ok(match configuration.mode() {
        "iptables" => Box::new(IpTables::new(
            family,
            IpTablesSettings {
                masquerade_bit: bit(configuration.iptables.masquerade_bit),
                masquerade_all: configuration.iptables.masquerade_all,
                localhost_node_ports: configuration.iptables.localhost_node_ports.unwrap_or(true),
                conntrack_tcp_be_liberal: configuration.conntrack.tcp_be_liberal,
                local_traffic,
                node_port_addresses,
                node_ip,
            },
            parts.commands.clone(),
        )?),
        "nftables" => {
            NfTables::check_supported(&*parts.commands)?;
            Box::new(NfTables::new(
                family,
                NfTablesSettings {
                    masquerade_bit: bit(configuration.nftables.masquerade_bit),
                    masquerade_all: configuration.nftables.masquerade_all,
                    local_traffic,
                    node_port_addresses,
                    node_ip,
                },
                parts.commands.clone(),
            ))
        }
        other => {
            return Err(BackendError::Unsupported(format!(
                "mode {other:?} is not supported on this host"
            )));
        }
    })
}

fn proxier(parts: &Parts<'_>, family: IpFamily, node_ips: &[IpAddr], backend: Box<dyn Backend>) -> Proxier {
    let configuration = parts.configuration;
    let (sync_period, min_sync_period) = configuration.sync_periods();
    let addresses = NodePortAddresses::new(family, &configuration.node_port_ranges(node_ips));
    let service_health = ServiceHealthServer::new(
        parts.node_name,
        family,
        addresses,
        parts.health.clone(),
        Some(parts.events.clone()),
        tokio::runtime::Handle::current(),
    );
    let conntrack = match NetlinkConntrack::new() {
        Ok(conntrack) => Some(Box::new(conntrack) as Box<dyn Conntrack>),
        Err(error) => {
            tracing::warn!(%error, "stale UDP flows are not cleaned up");
            None
        }
    };
    let options = ProxierOptions {
        family,
        node_name: parts.node_name.into(),
        min_sync_period: min_sync_period.to_std(),
        sync_period: sync_period.to_std(),
        metrics: parts.metrics.clone(),
        health: parts.health.clone(),
        service_health: Some(service_health),
        conntrack,
    };
    Proxier::new(options, backend)
}

/// What the kernel must allow for the rules to work. What only makes them better is logged when it cannot be set.
pub(crate) fn prepare_host(configuration: &KubeProxyConfiguration) -> Result<(), RunError> {
    let must = |name: &'static str| sysctl::ensure(name, 1).map_err(|source| RunError::Sysctl { name, source });
    must("net/ipv4/ip_forward")?;
    let localhost = configuration.iptables.localhost_node_ports.unwrap_or(true);
    if configuration.mode() == "iptables" && localhost {
        must("net/ipv4/conf/all/route_localnet")?;
    }
    if let Err(error) = sysctl::ensure("net/ipv6/conf/all/forwarding", 1) {
        tracing::info!(%error, "IPv6 forwarding stays as it is");
    }
    if let Err(error) = sysctl::set_conntrack(&configuration.conntrack) {
        tracing::warn!(%error, "conntrack's limits stay as they are");
    }
    Ok(())
}

/// Removes every rule of either mode.
pub(crate) fn cleanup(commands: &dyn CommandRunner) -> Result<(), RunError> {
    let mut failed = None;
    for family in [IpFamily::V4, IpFamily::V6] {
        failed = kube_proxy_lib::iptables::cleanup(commands, family).err().or(failed);
    }
    failed = NfTables::cleanup(commands).err().or(failed);
    failed.map_or(Ok(()), |error| Err(error.into()))
}
