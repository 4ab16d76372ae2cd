//! The addresses of the node.

use std::fs;
use std::net::IpAddr;

use k8s_api::core::v1::NodeAddress;

/// The addresses of `--node-ip`.
///
/// # Errors
/// If a text is no address, or two are not one of each family.
pub fn parse_node_ips(text: &str) -> Result<Vec<IpAddr>, String> {
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let addresses: Vec<IpAddr> = words
        .map(|word| word.parse().map_err(|_| format!("invalid IP address: {word:?}")))
        .collect::<Result<_, _>>()
        .map_err(|error| format!("failed to parse --node-ip {text:?}: {error}"))?;
    let both = |pair: &[IpAddr]| pair[0].is_ipv4() != pair[1].is_ipv4();
    match addresses.len() {
        0 | 1 => Ok(addresses),
        2 if both(&addresses) && addresses.iter().all(|ip| !ip.is_unspecified()) => Ok(addresses),
        _ => Err(format!(
            "failed to parse --node-ip {text:?}: must contain either a single IP or a dual-stack pair of IPs"
        )),
    }
}

/// The addresses of all interfaces.
fn interface_addresses() -> Vec<(String, IpAddr)> {
    let Ok(list) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let address = |it: nix::ifaddrs::InterfaceAddress| {
        let storage = it.address?;
        let ip = if let Some(v4) = storage.as_sockaddr_in() {
            IpAddr::V4(v4.ip())
        } else {
            IpAddr::V6(storage.as_sockaddr_in6()?.ip())
        };
        Some((it.interface_name, ip))
    };
    list.filter_map(address).collect()
}

fn is_link_local(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_link_local(),
        IpAddr::V6(ip) => ip.is_unicast_link_local(),
    }
}

/// Refuses an address that cannot be the node's.
fn validate(ip: &IpAddr) -> Result<(), String> {
    if ip.is_loopback() {
        return Err("nodeIP can't be loopback address".to_owned());
    }
    if ip.is_multicast() {
        return Err("nodeIP can't be a multicast address".to_owned());
    }
    if is_link_local(ip) {
        return Err("nodeIP can't be a link-local unicast address".to_owned());
    }
    if ip.is_unspecified() {
        return Err("nodeIP can't be an all zeros address".to_owned());
    }
    if interface_addresses().iter().any(|(_, own)| own == ip) {
        return Ok(());
    }
    Err(format!(
        "node IP: {:?} not found in the host's network interfaces",
        ip.to_string()
    ))
}

/// The interface of the default route of a family.
fn default_interface(v4: bool) -> Option<String> {
    if v4 {
        let table = fs::read_to_string("/proc/net/route").ok()?;
        let mut rows = table
            .lines()
            .skip(1)
            .map(|line| line.split_whitespace().collect::<Vec<_>>());
        let default = |row: &Vec<&str>| row.get(1) == Some(&"00000000") && row.get(7) == Some(&"00000000");
        return rows.find(default)?.first().map(|name| (*name).to_owned());
    }
    let table = fs::read_to_string("/proc/net/ipv6_route").ok()?;
    let mut rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let default = |row: &Vec<&str>| {
        let zero = |index: usize| row.get(index).is_some_and(|it| it.bytes().all(|byte| byte == b'0'));
        zero(0) && zero(1) && !zero(4) && row.get(9).is_some_and(|name| *name != "lo")
    };
    rows.find(default)?.get(9).map(|name| (*name).to_owned())
}

/// The address of the interface that the default route leads through; without a default route the first global address.
fn default_address(prefer_v4: bool) -> Option<IpAddr> {
    let own = interface_addresses();
    let fit = |ip: &IpAddr| !ip.is_loopback() && !is_link_local(ip) && !ip.is_multicast();
    for v4 in [prefer_v4, !prefer_v4] {
        let Some(interface) = default_interface(v4) else {
            continue;
        };
        let on_it = own
            .iter()
            .find(|(name, ip)| *name == interface && ip.is_ipv4() == v4 && fit(ip));
        if let Some((_, ip)) = on_it {
            return Some(*ip);
        }
    }
    for v4 in [prefer_v4, !prefer_v4] {
        if let Some((_, ip)) = own.iter().find(|(_, ip)| ip.is_ipv4() == v4 && fit(ip)) {
            return Some(*ip);
        }
    }
    None
}

/// The addresses of the node's status: those of `--node-ip`, or else what the name stands for, or else the default
/// interface's.
///
/// # Errors
/// If an address is none of this machine's, or there is none at all.
pub async fn node_addresses(node_ips: &[IpAddr], name: &str, hostname: &str) -> Result<Vec<NodeAddress>, String> {
    let specified: Vec<_> = node_ips.iter().filter(|ip| !ip.is_unspecified()).collect();
    for (index, ip) in specified.iter().enumerate() {
        let which = if index == 0 { "nodeIP" } else { "secondaryNodeIP" };
        validate(ip).map_err(|error| format!("failed to validate {which}: {error}"))?;
    }
    let prefer_v4 = node_ips.first().is_none_or(IpAddr::is_ipv4);
    let ips: Vec<IpAddr> = if specified.is_empty() {
        vec![
            find_address(name, hostname, prefer_v4)
                .await
                .ok_or_else(|| format!("can't get ip address of node {name}. error: no default routes found in \"/proc/net/route\" or \"/proc/net/ipv6_route\""))?,
        ]
    } else {
        specified.into_iter().copied().collect()
    };
    let address = |type_: &str, address: String| NodeAddress {
        type_: type_.to_owned(),
        address,
    };
    let internal = ips.iter().map(|ip| address("InternalIP", ip.to_string()));
    Ok(internal.chain([address("Hostname", hostname.to_owned())]).collect())
}

async fn find_address(name: &str, hostname: &str, prefer_v4: bool) -> Option<IpAddr> {
    if let Ok(ip) = hostname.parse() {
        return Some(ip);
    }
    // A resolver that does not answer must not hold up the status.
    let lookup = tokio::time::timeout(std::time::Duration::from_secs(2), tokio::net::lookup_host((name, 0))).await;
    let found: Vec<IpAddr> = match lookup {
        Ok(Ok(found)) => found
            .map(|address| address.ip())
            .filter(|ip| validate(ip).is_ok())
            .collect(),
        _ => Vec::new(),
    };
    let preferred = found.iter().find(|ip| ip.is_ipv4() == prefer_v4).or(found.first());
    preferred.copied().or_else(|| default_address(prefer_v4))
}

/// The addresses that pods of the host's network show: one of each family, the primary one first.
#[must_use]
pub fn host_ips(addresses: &[NodeAddress]) -> Vec<String> {
    let internal = addresses.iter().filter(|address| address.type_ == "InternalIP");
    let ips: Vec<IpAddr> = internal.filter_map(|address| address.address.parse().ok()).collect();
    let Some(first) = ips.first() else { return Vec::new() };
    let second = ips.iter().find(|ip| ip.is_ipv4() != first.is_ipv4());
    std::iter::once(first).chain(second).map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_ips() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("an address");
        assert_eq!(parse_node_ips(""), Ok(vec![]));
        assert_eq!(parse_node_ips("10.0.0.1"), Ok(vec![ip("10.0.0.1")]));
        assert_eq!(
            parse_node_ips("10.0.0.1,fd00::1"),
            Ok(vec![ip("10.0.0.1"), ip("fd00::1")])
        );
        for wrong in ["10.0.0.1,10.0.0.2", "0.0.0.0,::", "a,b,c"] {
            let error = parse_node_ips(wrong).expect_err(wrong);
            assert!(
                error.starts_with(&format!("failed to parse --node-ip {wrong:?}")),
                "{error}"
            );
        }
    }

    #[tokio::test]
    async fn foreign_addresses_are_refused() {
        for (text, words) in [
            (
                "127.0.0.1",
                "failed to validate nodeIP: nodeIP can't be loopback address",
            ),
            (
                "224.0.0.1",
                "failed to validate nodeIP: nodeIP can't be a multicast address",
            ),
            (
                "169.254.0.1",
                "failed to validate nodeIP: nodeIP can't be a link-local unicast address",
            ),
            (
                "192.0.2.77",
                "failed to validate nodeIP: node IP: \"192.0.2.77\" not found in the host's network interfaces",
            ),
        ] {
            let ips = [text.parse().expect("an address")];
            assert_eq!(node_addresses(&ips, "n", "n").await, Err(words.to_owned()));
        }
    }

    #[test]
    fn one_host_address_a_family() {
        let address = |type_: &str, ip: &str| NodeAddress {
            type_: type_.to_owned(),
            address: ip.to_owned(),
        };
        let list = [
            address("InternalIP", "10.0.0.1"),
            address("InternalIP", "10.0.0.2"),
            address("InternalIP", "fd00::1"),
            address("Hostname", "n"),
        ];
        assert_eq!(host_ips(&list), ["10.0.0.1", "fd00::1"]);
    }
}
