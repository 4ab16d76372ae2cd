//! Ranges: which addresses, and in which order.

use std::{collections::BTreeSet, net::IpAddr};

use super::{AddressRange, RangeError};

fn range(cidr: &str) -> AddressRange {
    AddressRange::new(cidr.parse().expect("a CIDR")).expect("a range")
}

fn all(range: &AddressRange, start: u64) -> Vec<String> {
    range.candidates(start).map(|ip| ip.to_string()).collect()
}

#[test]
fn sizes_and_bands() {
    // CIDR, size, first of the upper band
    let cases = [
        ("10.0.0.0/24", 254, "10.0.0.17"),
        ("10.96.0.0/16", 65_534, "10.96.1.1"),
        ("10.0.0.0/28", 14, "10.0.0.1"),
        ("10.0.0.0/27", 30, "10.0.0.17"),
        ("10.0.0.0/30", 2, "10.0.0.1"),
        ("fd00::/112", 65_535, "fd00::101"),
        ("fd00::/64", u64::MAX, "fd00::101"),
    ];
    for (cidr, size, dynamic) in cases {
        let range = range(cidr);
        assert_eq!(range.size(), size, "{cidr}");
        let first = range.candidates(0).next().map(|ip| ip.to_string());
        assert_eq!(first.as_deref(), Some(dynamic), "{cidr}");
    }
    assert_eq!(range("10.0.0.1/32").first(), None);
    assert_eq!(all(&range("10.0.0.0/32"), 0), Vec::<String>::new());
    assert_eq!(
        AddressRange::new("fd00::/63".parse().expect("a CIDR")),
        Err(RangeError::TooWide(63))
    );
}

#[test]
fn every_address_is_tried_once_the_reserved_ones_last() {
    for start in [0, 5, 300, u64::MAX] {
        let range = range("10.0.0.0/24");
        let tried = all(&range, start);
        assert_eq!(tried.len(), 254);
        assert_eq!(tried.iter().collect::<BTreeSet<_>>().len(), 254);
        let reserved: BTreeSet<_> = (1..=16).map(|n| format!("10.0.0.{n}")).collect();
        assert_eq!(tried[254 - 16..].iter().cloned().collect::<BTreeSet<_>>(), reserved);
    }
}

#[test]
fn what_is_handed_out() {
    let range = range("10.0.0.0/24");
    // address, whether it is handed out
    let cases = [
        ("10.0.0.0", false),
        ("10.0.0.1", true),
        ("10.0.0.254", true),
        ("10.0.0.255", false),
        ("10.0.1.1", false),
        ("::1", false),
    ];
    for (ip, expected) in cases {
        assert_eq!(
            range.contains(ip.parse::<IpAddr>().expect("an address")),
            expected,
            "{ip}"
        );
    }
}
