//! Which ranges lie in which, and whether addresses depend on one alone. Ranges are few; addresses are looked at only
//! when a range goes.

use std::net::IpAddr;
use std::sync::Arc;

use client_go::cache::Lister;
use ipnet::IpNet;
use k8s_api::networking::v1::{IPAddress, ServiceCIDR};

const MANAGED_BY: (&str, &str) = ("ipaddress.kubernetes.io/managed-by", "ipallocator.k8s.io");

fn prefixes(range: &ServiceCIDR) -> impl Iterator<Item = IpNet> + '_ {
    range.spec.cidrs.iter().filter_map(|cidr| cidr.parse().ok())
}

fn matching(ranges: &Lister<ServiceCIDR>, matches: impl Fn(&IpNet) -> bool) -> Vec<Arc<ServiceCIDR>> {
    let mut found = ranges.list();
    found.retain(|range| prefixes(range).any(|prefix| matches(&prefix)));
    found
}

/// Ranges that hold an address.
fn holding(ranges: &Lister<ServiceCIDR>, address: IpAddr) -> Vec<Arc<ServiceCIDR>> {
    matching(ranges, |prefix| prefix.contains(&address))
}

/// Ranges that lie in `range` or hold it.
pub(super) fn overlapping(ranges: &Lister<ServiceCIDR>, range: &ServiceCIDR) -> Vec<Arc<ServiceCIDR>> {
    let own: Vec<_> = prefixes(range).collect();
    matching(ranges, |prefix| {
        own.iter().any(|own| own.contains(prefix) || prefix.contains(own))
    })
}

/// Ranges that hold an address of the API server's allocator.
pub(super) fn of_address(ranges: &Lister<ServiceCIDR>, address: &IPAddress) -> Vec<Arc<ServiceCIDR>> {
    let (label, allocator) = MANAGED_BY;
    if address.metadata.labels.get(label).is_none_or(|by| by != allocator) {
        return Vec::new();
    }
    address
        .metadata
        .name
        .parse()
        .map_or_else(|_| Vec::new(), |address| holding(ranges, address))
}

/// Whether nothing is lost with `range`: other ranges hold all of it, or all addresses in it.
pub(super) fn is_free(ranges: &Lister<ServiceCIDR>, addresses: &Lister<IPAddress>, range: &ServiceCIDR) -> bool {
    let alone = |found: &[Arc<ServiceCIDR>]| match found {
        [] => true,
        [one] => one.metadata.name == range.metadata.name,
        _ => false,
    };
    let own: Vec<_> = prefixes(range).collect();
    if own
        .iter()
        .all(|own| !alone(&matching(ranges, |prefix| prefix.contains(own))))
    {
        return true;
    }
    let (label, allocator) = MANAGED_BY;
    !addresses.list().iter().any(|address| {
        let Ok(ip) = address.metadata.name.parse::<IpAddr>() else {
            return false;
        };
        address.metadata.labels.get(label).is_some_and(|by| by == allocator)
            && own.iter().any(|own| own.contains(&ip))
            && matches!(holding(ranges, ip).as_slice(), [one] if one.metadata.name == range.metadata.name)
    })
}
