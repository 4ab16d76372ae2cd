//! A VXLAN device, and what it must know of other nodes' devices.
//!
//! A device's hardware address follows from its node's address, so that nodes need tell each other nothing: the entries of
//! a peer are made from its node object alone. The peer's address in the overlay is the first of its pod range.

use std::net::IpAddr;

use ipnet::IpNet;

use crate::{
    command::{self, CommandError},
    nodes::Peer,
    routes::Route,
};

/// The device.
pub(crate) const DEVICE: &str = "knx.vxlan";
/// The network identifier.
const ID: u32 = 1;
/// The port that Linux and flannel use; IANA's is another.
const PORT: u16 = 8472;
/// What the headers of VXLAN take of each packet, over IPv4 and IPv6.
pub(crate) const OVERHEAD: (u32, u32) = (50, 70);

/// The hardware address of a node's device: locally administered, then bits of the node's address.
fn hardware_address(node: IpAddr) -> String {
    let bytes: Vec<u8> = match node {
        IpAddr::V4(ip) => std::iter::once(0x0a).chain(ip.octets()).collect(),
        IpAddr::V6(ip) => {
            // Folded, so that addresses that differ in one byte differ here.
            let mut folded = [0x6a_u8, 0, 0, 0, 0];
            for (position, byte) in ip.octets().iter().enumerate() {
                folded[1 + position % 4] = folded[1 + position % 4].rotate_left(3) ^ byte;
            }
            folded.to_vec()
        }
    };
    let rest: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("02:{}", rest.join(":"))
}

/// Makes the device, or leaves the one that is there and fits.
///
/// # Errors
/// `ip` refuses.
pub(crate) fn ensure(own: &Peer, mtu: u32) -> Result<(), CommandError> {
    let Some(local) = own.addresses.first().copied() else {
        return Ok(());
    };
    let mac = hardware_address(local);
    let present = command::run("ip", &["-json", "-details", "link", "show", "dev", DEVICE], "");
    let fits = present.is_ok_and(|text| text.contains(&mac) && text.contains(&format!("\"mtu\":{mtu}")));
    if !fits {
        remove()?;
        command::ip_batch(&[
            format!(
                "link add {DEVICE} address {mac} mtu {mtu} type vxlan id {ID} local {local} dstport {PORT} nolearning"
            ),
            format!("link set {DEVICE} up"),
        ])?;
    }
    let addresses = own.ranges.iter().map(|range| {
        let length = if range.addr().is_ipv4() { 32 } else { 128 };
        format!("address replace {}/{length} dev {DEVICE}", range.network())
    });
    command::ip_batch(&addresses.collect::<Vec<_>>())
}

/// Removes the device; there may be none.
///
/// # Errors
/// `ip` refuses.
pub(crate) fn remove() -> Result<(), CommandError> {
    if command::run("ip", &["link", "show", "dev", DEVICE], "").is_ok() {
        command::ip_batch(&[format!("link del {DEVICE}")])?;
    }
    Ok(())
}

/// The route to a range of a peer.
pub(crate) fn route(range: IpNet) -> Route {
    Route {
        range,
        via: range.network(),
        device: Some(DEVICE.to_owned()),
    }
}

/// Tells the device where the peers are, and forgets peers that are gone.
///
/// # Errors
/// `ip` or `bridge` refuses.
pub(crate) fn sync(peers: &[&Peer]) -> Result<(), CommandError> {
    let (mut neighbours, mut forwarding) = (Vec::new(), Vec::new());
    let mut known = Vec::new();
    for peer in peers {
        let Some(address) = peer.addresses.first().copied() else {
            continue;
        };
        let mac = hardware_address(address);
        for range in &peer.ranges {
            neighbours.push(format!(
                "neigh replace {} lladdr {mac} dev {DEVICE} nud permanent",
                range.network()
            ));
        }
        forwarding.push(format!("fdb replace {mac} dev {DEVICE} self permanent dst {address}"));
        known.push(mac);
    }
    let present = command::run("bridge", &["fdb", "show", "dev", DEVICE], "")?;
    for line in present.lines() {
        let mac = line.split_whitespace().next().unwrap_or_default();
        if mac != "00:00:00:00:00:00" && !known.iter().any(|known| known == mac) {
            forwarding.push(format!("fdb del {mac} dev {DEVICE} self"));
        }
    }
    command::ip_batch(&neighbours)?;
    if forwarding.is_empty() {
        return Ok(());
    }
    command::run("bridge", &["-batch", "-"], &(forwarding.join("\n") + "\n")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::hardware_address;

    #[test]
    fn hardware_addresses_follow_from_the_nodes() {
        let of = |text: &str| hardware_address(text.parse().expect("an address"));
        assert_eq!(of("10.0.0.2"), "02:0a:0a:00:00:02");
        assert_eq!(of("fd00::1").len(), 17);
        assert_ne!(of("fd00::1"), of("fd00::2"));
        assert_ne!(of("fd00::1:0"), of("fd00::1"));
    }
}
