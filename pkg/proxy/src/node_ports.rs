//! The node's own addresses that accept node port traffic (`--nodeport-addresses`).

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use ipnet::IpNet;

use crate::types::IpFamily;

/// A list of ranges; the node's addresses within them accept node ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodePortAddresses {
    ranges: Vec<IpNet>,
    match_all: bool,
    contains_ipv4_loopback: bool,
}

impl NodePortAddresses {
    /// The ranges of one family out of `ranges`; all addresses when none is of that family.
    #[must_use]
    pub fn new(family: IpFamily, ranges: &[IpNet]) -> Self {
        let mut own: Vec<IpNet> = ranges
            .iter()
            .copied()
            .filter(|net| IpFamily::of(net.addr()) == family)
            .collect();
        let match_all = own.is_empty() || own.iter().any(|net| net.prefix_len() == 0);
        let loopback = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0));
        let contains_ipv4_loopback = family == IpFamily::V4
            && (match_all
                || own
                    .iter()
                    .any(|net| net.addr().is_loopback() || net.contains(&loopback)));
        if match_all {
            own.clear();
        }
        Self {
            ranges: own,
            match_all,
            contains_ipv4_loopback,
        }
    }

    /// Every local address accepts node ports.
    #[must_use]
    pub fn match_all(&self) -> bool {
        self.match_all
    }

    /// IPv4 loopback addresses are among the accepted ones.
    #[must_use]
    pub fn contains_ipv4_loopback(&self) -> bool {
        self.contains_ipv4_loopback
    }

    /// The node's present addresses within the ranges, sorted. Meaningful only without [`Self::match_all`].
    ///
    /// # Errors
    /// When the interfaces cannot be listed.
    pub fn node_ips(&self) -> std::io::Result<Vec<IpAddr>> {
        let mut found = BTreeSet::new();
        for interface in nix::ifaddrs::getifaddrs()? {
            let Some(address) = interface.address else { continue };
            let ip = match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(v4), _) => IpAddr::V4(v4.ip()),
                (_, Some(v6)) => IpAddr::V6(v6.ip()),
                _ => continue,
            };
            if self.ranges.iter().any(|net| net.contains(&ip)) {
                found.insert(ip);
            }
        }
        Ok(found.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nets(list: &[&str]) -> Vec<IpNet> {
        list.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn families_and_loopback() {
        let all = NodePortAddresses::new(IpFamily::V4, &nets(&["fd00::/8"]));
        assert!(all.match_all() && all.contains_ipv4_loopback());
        let some = NodePortAddresses::new(IpFamily::V4, &nets(&["10.0.0.0/8"]));
        assert!(!some.match_all() && !some.contains_ipv4_loopback());
        let local = NodePortAddresses::new(IpFamily::V4, &nets(&["127.0.0.0/8"]));
        assert!(!local.match_all() && local.contains_ipv4_loopback());
        assert_eq!(local.node_ips().unwrap(), vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert!(NodePortAddresses::new(IpFamily::V6, &nets(&["::/0", "fd00::/8"])).match_all());
    }
}
