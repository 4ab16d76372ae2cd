//! The address under which others reach this machine: that of the interface of the default route.
//!
//! Counterpart upstream: `ChooseHostInterface` and `ResolveBindAddress` of `k8s.io/apimachinery/pkg/util/net`.

use std::{
    io,
    net::{IpAddr, Ipv4Addr},
};

use nix::{ifaddrs::InterfaceAddress, net::if_::InterfaceFlags};

/// Where the kernel lists its IPv4 routes.
const ROUTES: &str = "/proc/net/route";

/// Why no address was found.
#[derive(Debug, thiserror::Error)]
pub enum HostIpError {
    /// The kernel's lists cannot be read.
    #[error("cannot read the addresses of this host")]
    Read(#[from] io::Error),
    /// No interface has a global address.
    #[error("no default routes found in \"/proc/net/route\" or \"/proc/net/ipv6_route\"")]
    None,
}

/// The address to advertise for a server bound to `bind`: that one if it is a particular, reachable one, else the host's.
///
/// # Errors
/// If the host has no global address.
pub fn resolve_bind_address(bind: Option<IpAddr>) -> Result<IpAddr, HostIpError> {
    match bind {
        Some(ip) if !ip.is_unspecified() && !ip.is_loopback() => Ok(ip),
        _ => choose_host_ip(),
    }
}

/// The first global address of the interface that the default route leaves by; IPv4 is preferred. Without a default
/// route it is that of any interface that is up.
///
/// # Errors
/// If no interface has a global address.
pub fn choose_host_ip() -> Result<IpAddr, HostIpError> {
    let addresses: Vec<InterfaceAddress> = nix::ifaddrs::getifaddrs().map_err(io::Error::from)?.collect();
    let routes = match std::fs::read_to_string(ROUTES) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        read => read?,
    };
    let preferred = default_interfaces(&routes);
    let of = |name: &str| global_address(addresses.iter().filter(|address| address.interface_name == name));
    preferred
        .iter()
        .find_map(|name| of(name))
        .or_else(|| global_address(addresses.iter()))
        .ok_or(HostIpError::None)
}

/// The interfaces of the default routes, in the kernel's order.
fn default_interfaces(routes: &str) -> Vec<&str> {
    let lines = routes.lines().skip(1);
    let default = lines.filter_map(|line| {
        let mut columns = line.split_whitespace();
        let (interface, destination) = (columns.next()?, columns.next()?);
        (destination == "00000000").then_some(interface)
    });
    default.collect()
}

/// Every address of every interface that is up.
///
/// # Errors
/// If the kernel does not tell.
pub fn host_ips() -> io::Result<Vec<IpAddr>> {
    Ok(nix::ifaddrs::getifaddrs()?
        .filter_map(|address| ip_of(&address))
        .collect())
}

/// The interface that has an address, if there is one.
///
/// # Errors
/// If the kernel does not tell.
pub fn interface_of(ip: IpAddr) -> io::Result<Option<String>> {
    let mut addresses = nix::ifaddrs::getifaddrs()?;
    Ok(addresses
        .find(|address| ip_of(address) == Some(ip))
        .map(|address| address.interface_name))
}

/// The IP address of an interface that is up.
fn ip_of(address: &InterfaceAddress) -> Option<IpAddr> {
    let storage = address.address.as_ref()?;
    let ip = match (storage.as_sockaddr_in(), storage.as_sockaddr_in6()) {
        (Some(v4), _) => IpAddr::V4(v4.ip()),
        (_, Some(v6)) => IpAddr::V6(v6.ip()),
        _ => return None,
    };
    address.flags.contains(InterfaceFlags::IFF_UP).then_some(ip)
}

fn global_address<'a>(addresses: impl Iterator<Item = &'a InterfaceAddress>) -> Option<IpAddr> {
    let usable = addresses.filter_map(ip_of).filter(|ip| is_global_unicast(*ip));
    let (v4, v6): (Vec<IpAddr>, Vec<IpAddr>) = usable.partition(IpAddr::is_ipv4);
    v4.into_iter().chain(v6).next()
}

/// Whether an address is that of one machine and reaches beyond the link.
fn is_global_unicast(ip: IpAddr) -> bool {
    let link_local = match ip {
        IpAddr::V4(v4) => v4.is_link_local() || v4 == Ipv4Addr::BROADCAST,
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !(ip.is_loopback() || ip.is_unspecified() || ip.is_multicast() || link_local)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_names_the_interface() {
        let table =
            "Iface\tDestination\tGateway \tFlags\neth1\t0002A8C0\t00000000\t0001\neth0\t00000000\t010011AC\t0003\n";
        assert_eq!(default_interfaces(table), ["eth0"]);
        assert_eq!(default_interfaces("Iface\tDestination\n"), Vec::<&str>::new());
    }

    #[test]
    fn a_particular_address_is_advertised_as_it_is() {
        let ip: IpAddr = "192.0.2.7".parse().unwrap();
        assert_eq!(resolve_bind_address(Some(ip)).unwrap(), ip);
    }

    #[test]
    fn only_addresses_that_reach_beyond_the_link_count() {
        for (text, global) in [
            ("10.1.2.3", true),
            ("127.0.0.1", false),
            ("169.254.1.1", false),
            ("224.0.0.1", false),
            ("0.0.0.0", false),
            ("fd00::1", true),
            ("fe80::1", false),
            ("::1", false),
        ] {
            assert_eq!(is_global_unicast(text.parse().unwrap()), global, "{text}");
        }
    }
}
