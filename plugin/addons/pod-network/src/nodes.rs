//! What the network needs to know of nodes.

use std::net::IpAddr;

use ipnet::IpNet;
use k8s_api::core::v1::Node;

/// A node and its pods' ranges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) name: String,
    /// The addresses that other nodes reach it under, in the node's order.
    pub(crate) addresses: Vec<IpAddr>,
    /// The ranges of its pods' addresses, at most one a family.
    pub(crate) ranges: Vec<IpNet>,
}

impl Peer {
    /// The peer that a node is.
    pub(crate) fn of(node: &Node) -> Self {
        let addresses = node.status.addresses.iter();
        let internal = addresses.filter(|address| address.type_ == "InternalIP");
        let mut ranges: Vec<IpNet> = node
            .spec
            .pod_cidrs
            .iter()
            .filter_map(|text| text.parse().ok())
            .collect();
        if ranges.is_empty() {
            ranges.extend(node.spec.pod_cidr.parse::<IpNet>().ok());
        }
        Self {
            name: node.metadata.name.clone(),
            addresses: internal.filter_map(|address| address.address.parse().ok()).collect(),
            ranges,
        }
    }

    /// Its address of a family.
    pub(crate) fn address_like(&self, range: &IpNet) -> Option<IpAddr> {
        let v4 = range.addr().is_ipv4();
        self.addresses.iter().copied().find(|ip| ip.is_ipv4() == v4)
    }
}
