//! Removes conntrack entries that would keep sending datagrams to endpoints that are gone.
//!
//! A UDP "connection" never ends while its client keeps sending, so its entry would outlive the endpoint. Entries to
//! an address or node port of a service whose answering side is not one of the service's serving endpoints are
//! deleted; this also frees entries made before the service had any endpoint. Speaks ctnetlink itself.
//! Counterpart upstream: `conntrack/cleanup.go`.

mod netlink;

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};

use crate::endpoints::ServiceEndpoints;
use crate::service::ServicePorts;
use crate::types::{IpFamily, Protocol};

pub use netlink::NetlinkConntrack;

/// A UDP flow: where it was sent to, and who answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Destination as the client knows it.
    pub original_destination: SocketAddr,
    /// The side that answers, after translation.
    pub reply_source: SocketAddr,
    /// What the kernel needs to find the entry again.
    pub(crate) handle: Vec<u8>,
}

/// The kernel's table of flows.
pub trait Conntrack: Send {
    /// All UDP flows of a family.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn list_udp(&mut self, family: IpFamily) -> std::io::Result<Vec<Flow>>;

    /// Deletes flows; ones that ended meanwhile do not count. Returns how many were deleted.
    ///
    /// # Errors
    /// When the kernel refuses.
    fn delete(&mut self, family: IpFamily, flows: &[Flow]) -> std::io::Result<usize>;
}

/// Where the UDP traffic of some services may go.
#[derive(Debug, Default)]
pub struct UdpFrontends {
    addresses: HashMap<SocketAddr, HashSet<SocketAddr>>,
    node_ports: HashMap<u16, HashSet<SocketAddr>>,
}

impl UdpFrontends {
    /// Adds a service's UDP ports. Ports without a serving endpoint are left alone, since there is nothing better to
    /// send their traffic to.
    pub fn add(&mut self, ports: &ServicePorts, endpoints: Option<&ServiceEndpoints>) {
        for (key, info) in ports.iter().filter(|(key, _)| key.protocol == Protocol::Udp) {
            let serving: HashSet<SocketAddr> = endpoints
                .and_then(|endpoints| endpoints.get(key))
                .into_iter()
                .flat_map(|list| list.iter())
                .filter(|endpoint| endpoint.serving)
                .map(|endpoint| SocketAddr::new(endpoint.ip, endpoint.port))
                .collect();
            if serving.is_empty() {
                continue;
            }
            let addresses = std::iter::once(&info.cluster_ip)
                .chain(&info.load_balancer_vips)
                .chain(&info.external_ips);
            for ip in addresses {
                self.addresses.insert(SocketAddr::new(*ip, info.port), serving.clone());
            }
            if info.node_port != 0 {
                self.node_ports.insert(info.node_port, serving);
            }
        }
    }

    /// True when there is nothing to look after.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty()
    }

    /// True for a flow that goes to one of the frontends and ends somewhere it should not.
    #[must_use]
    pub fn is_stale(&self, flow: &Flow) -> bool {
        let wrong = |serving: &HashSet<SocketAddr>| !serving.contains(&flow.reply_source);
        let destination = flow.original_destination;
        self.addresses.get(&destination).is_some_and(wrong)
            || self.node_ports.get(&destination.port()).is_some_and(wrong)
    }
}

/// Deletes the stale flows to `frontends` and returns how many there were.
///
/// # Errors
/// When the kernel refuses to list or delete.
pub fn clean_stale_entries(
    conntrack: &mut dyn Conntrack,
    family: IpFamily,
    frontends: &UdpFrontends,
) -> std::io::Result<usize> {
    let mut flows = conntrack.list_udp(family)?;
    flows.retain(|flow| frontends.is_stale(flow));
    if flows.is_empty() {
        Ok(0)
    } else {
        conntrack.delete(family, &flows)
    }
}

pub(crate) fn unmapped(ip: IpAddr) -> IpAddr {
    ip.to_canonical()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::endpoints::Endpoint;
    use crate::service::service_ports;
    use crate::types::{PortKey, Service, ServicePort, ServiceType};

    fn flow(destination: &str, source: &str) -> Flow {
        Flow {
            original_destination: destination.parse().unwrap(),
            reply_source: source.parse().unwrap(),
            handle: vec![],
        }
    }

    #[test]
    fn stale_flows() {
        let service = Service {
            namespace: "ns".into(),
            name: "dns".into(),
            type_: ServiceType::NodePort,
            cluster_ips: vec!["10.0.0.10".into()],
            external_ips: vec!["192.0.2.1".into()],
            ports: vec![ServicePort {
                name: "dns".into(),
                protocol: Protocol::Udp,
                port: 53,
                node_port: 30053,
            }],
            ..Service::default()
        };
        let ports = service_ports(&service, IpFamily::V4);
        let endpoint = |ip: &str, serving| Endpoint {
            ip: ip.parse().unwrap(),
            port: 5353,
            local: false,
            ready: serving,
            serving,
            terminating: false,
            hints: None,
        };
        let key = PortKey {
            name: "dns".into(),
            protocol: Protocol::Udp,
        };
        let list: Arc<[Endpoint]> = Arc::new([endpoint("10.1.0.1", true), endpoint("10.1.0.2", false)]);
        let endpoints = ServiceEndpoints::from([(key.clone(), list)]);
        let mut frontends = UdpFrontends::default();
        frontends.add(&ports, Some(&endpoints));
        for (destination, source, stale) in [
            ("10.0.0.10:53", "10.1.0.1:5353", false),
            ("10.0.0.10:53", "10.1.0.2:5353", true),
            ("10.0.0.10:53", "10.0.0.10:53", true),
            ("192.0.2.1:53", "10.1.0.9:5353", true),
            ("10.0.0.10:54", "10.1.0.9:5353", false),
            ("172.16.0.1:30053", "10.1.0.1:5353", false),
            ("172.16.0.1:30053", "172.16.0.1:30053", true),
        ] {
            assert_eq!(
                frontends.is_stale(&flow(destination, source)),
                stale,
                "{destination} -> {source}"
            );
        }
        let mut unserved = UdpFrontends::default();
        let none: Arc<[Endpoint]> = Arc::new([endpoint("10.1.0.2", false)]);
        unserved.add(&ports, Some(&ServiceEndpoints::from([(key, none)])));
        assert!(unserved.is_empty());
    }
}
