//! IP addresses and CIDRs (upstream: `util/validation/ip.go`).
//!
//! Two ways to read an address exist: the strict one, and the sloppy one of old fields, which
//! takes leading zeros for decoration.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use k8s_api::primitives::quote;

use crate::field::{Error, ErrorList, Path};

/// An address and the length of its prefix; displayed as Go prints a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// The address, with the bits beyond the prefix.
    pub address: IpAddr,
    /// The length of the prefix, of the 32 or 128 bits of `address`.
    pub prefix: u8,
}

impl Cidr {
    /// The address with the bits beyond the prefix cleared.
    #[must_use]
    pub fn network(self) -> IpAddr {
        match self.address {
            IpAddr::V4(v4) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                Ipv4Addr::from_bits(v4.to_bits() & mask).into()
            }
            IpAddr::V6(v6) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                Ipv6Addr::from_bits(v6.to_bits() & mask).into()
            }
        }
    }

    /// The network with an IPv4-mapped address as IPv4.
    fn canonical(self) -> Self {
        let network = self.network();
        match (network.to_canonical(), self.prefix.checked_sub(96)) {
            (v4 @ IpAddr::V4(_), Some(prefix)) if network.is_ipv6() => Self { address: v4, prefix },
            _ => Self {
                address: network,
                prefix: self.prefix,
            },
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, prefix } = self.canonical();
        write!(formatter, "{address}/{prefix}")
    }
}

/// Decimal digits with any number of zeros in front.
fn sloppy_number(text: &str, most: u32) -> Option<u8> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let digits = text.trim_start_matches('0');
    let number: u32 = if digits.is_empty() { 0 } else { digits.parse().ok()? };
    u8::try_from(number).ok().filter(|n| u32::from(*n) <= most)
}

fn sloppy_v4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = text.split('.').map(|part| sloppy_number(part, 255));
    let address = Ipv4Addr::new(octets.next()??, octets.next()??, octets.next()??, octets.next()??);
    octets.next().is_none().then_some(address)
}

fn sloppy_v6(text: &str) -> Option<Ipv6Addr> {
    let groups = text.split(':').map(|group| {
        if group.contains('.') {
            return sloppy_v4(group).map(|v4| v4.to_string());
        }
        let digits = group.trim_start_matches('0');
        Some(if group.is_empty() || !digits.is_empty() {
            digits.to_owned()
        } else {
            "0".to_owned()
        })
    });
    groups.collect::<Option<Vec<_>>>()?.join(":").parse().ok()
}

fn parse_address_sloppy(text: &str) -> Option<IpAddr> {
    sloppy_v4(text)
        .map(IpAddr::V4)
        .or_else(|| text.contains(':').then(|| sloppy_v6(text)).flatten().map(IpAddr::V6))
}

/// Reads an address, leading zeros and all. An IPv4-mapped one becomes IPv4.
#[must_use]
pub fn parse_ip_sloppy(text: &str) -> Option<IpAddr> {
    parse_address_sloppy(text).map(|address| address.to_canonical())
}

/// Reads an address and a prefix length, leading zeros and all.
#[must_use]
pub fn parse_cidr_sloppy(text: &str) -> Option<Cidr> {
    let (address, prefix) = text.split_once('/')?;
    let address = parse_address_sloppy(address)?;
    let prefix = sloppy_number(prefix, if address.is_ipv4() { 32 } else { 128 })?;
    Some(Cidr { address, prefix })
}

fn parse_prefix(text: &str) -> Option<Cidr> {
    let cidr = parse_cidr_sloppy(text)?;
    let (address, prefix) = text.split_once('/')?;
    (address.parse::<IpAddr>().is_ok() && prefix == cidr.prefix.to_string()).then_some(cidr)
}

fn is_mapped(address: IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some())
}

fn check_ip(path: &Path<'_>, value: &str, strict: bool) -> Result<IpAddr, ErrorList> {
    let invalid = |detail: &str| Err(Error::invalid(path, value, detail).into());
    let Some(ip) = parse_ip_sloppy(value) else {
        return invalid("must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    };
    match value.parse::<IpAddr>() {
        Err(_) if strict => invalid("must not have leading 0s"),
        Ok(address) if strict && is_mapped(address) => invalid("must not be an IPv4-mapped IPv6 address"),
        _ => Ok(ip),
    }
}

/// Checks an address in a field that is older than strict checking. `old` are values that may stay.
#[must_use]
pub fn validate_legacy_ip(path: &Path<'_>, value: &str, strict: bool, old: &[&str]) -> ErrorList {
    if old.contains(&value) {
        return ErrorList::new();
    }
    check_ip(path, value, strict).err().unwrap_or_default()
}

/// Checks an address: valid, and in canonical form.
#[must_use]
pub fn validate_ip(path: &Path<'_>, value: &str) -> ErrorList {
    match check_ip(path, value, true) {
        Err(errors) => errors,
        Ok(ip) => canonical(path, value, &ip.to_string()),
    }
}

fn canonical(path: &Path<'_>, value: &str, canonical: &str) -> ErrorList {
    if value == canonical {
        return ErrorList::new();
    }
    Error::invalid(path, value, format!("must be in canonical form ({})", quote(canonical))).into()
}

/// Warnings about an address that [`validate_legacy_ip`] lets through.
#[must_use]
pub fn ip_warnings(path: &Path<'_>, value: &str) -> Option<String> {
    let ip = parse_ip_sloppy(value)?;
    match value.parse::<IpAddr>() {
        Ok(address) if !is_mapped(address) => (address.is_ipv6() && address.to_string() != value).then(|| {
            let (value, canonical) = (quote(value), quote(&address.to_string()));
            format!("{path}: IPv6 address {value} should be in RFC 5952 canonical format ({canonical})")
        }),
        _ => {
            let (value, canonical) = (quote(value), quote(&ip.to_string()));
            Some(format!(
                "{path}: non-standard IP address {value} is invalid: use {canonical}"
            ))
        }
    }
}

fn check_cidr(path: &Path<'_>, value: &str, strict: bool) -> Result<Cidr, ErrorList> {
    let invalid = |detail: &str| Err(Error::invalid(path, value, detail).into());
    let Some(cidr) = parse_cidr_sloppy(value) else {
        return invalid("must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    };
    match parse_prefix(value) {
        None if strict => invalid("must not have leading 0s in IP or prefix length"),
        Some(prefix) if strict && is_mapped(prefix.address) => invalid("must not have an IPv4-mapped IPv6 address"),
        Some(prefix) if strict && prefix.address != prefix.network() => {
            invalid("must not have bits set beyond the prefix length")
        }
        _ => Ok(cidr),
    }
}

/// Checks a CIDR in a field that is older than strict checking. `old` are values that may stay.
#[must_use]
pub fn validate_legacy_cidr(path: &Path<'_>, value: &str, strict: bool, old: &[&str]) -> ErrorList {
    if old.contains(&value) {
        return ErrorList::new();
    }
    check_cidr(path, value, strict).err().unwrap_or_default()
}

/// Checks a CIDR that stands for a network: valid, and in canonical form.
#[must_use]
pub fn validate_cidr(path: &Path<'_>, value: &str) -> ErrorList {
    match check_cidr(path, value, true) {
        Err(errors) => errors,
        Ok(cidr) => canonical(path, value, &cidr.to_string()),
    }
}

/// Warnings about a CIDR that [`validate_legacy_cidr`] lets through.
#[must_use]
pub fn cidr_warnings(path: &Path<'_>, value: &str) -> Vec<String> {
    let Some(cidr) = parse_cidr_sloppy(value) else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    let shown = quote(value);
    if cidr.address != cidr.network() {
        let bits = if cidr.address.is_ipv4() { 32 } else { 128 };
        let single = quote(&format!("{}/{bits}", cidr.address.to_canonical()));
        let network = quote(&cidr.to_string());
        warnings.push(format!(
            "{path}: CIDR value {shown} is ambiguous in this context (should be {network} or {single}?)"
        ));
    }
    match parse_prefix(value) {
        Some(prefix) if !is_mapped(prefix.address) => {
            let text = format!("{}/{}", prefix.address, prefix.prefix);
            if warnings.is_empty() && prefix.address.is_ipv6() && text != value {
                let text = quote(&text);
                warnings.push(format!(
                    "{path}: IPv6 CIDR value {shown} should be in RFC 5952 canonical format ({text})"
                ));
            }
        }
        _ => {
            let network = quote(&cidr.to_string());
            warnings.push(format!(
                "{path}: non-standard CIDR value {shown} is invalid: use {network}"
            ));
        }
    }
    warnings
}

/// Checks a CIDR that stands for the address of an interface, in canonical form.
#[must_use]
pub fn validate_interface_address(path: &Path<'_>, value: &str) -> ErrorList {
    let Some(cidr) = parse_cidr_sloppy(value) else {
        let detail = "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)";
        return Error::invalid(path, value, detail).into();
    };
    let address = cidr.address.to_canonical();
    let prefix = if address.is_ipv4() && cidr.prefix > 32 {
        cidr.prefix.saturating_sub(96)
    } else {
        cidr.prefix
    };
    canonical(path, value, &format!("{address}/{prefix}"))
}
