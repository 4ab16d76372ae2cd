//! Small rules that several kinds share.

use std::net::IpAddr;

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};
use component_base::feature_gates::{Feature, FeatureGates};
use k8s_api::primitives::Quantity;

use crate::go_value::named;

/// The transport protocols of ports, in the order in which errors list them.
pub(crate) const PROTOCOLS: [&str; 3] = ["SCTP", "TCP", "UDP"];

/// The message about a field that may not change.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// Checks an address in a field that is older than strict checking; `existing` ones may stay.
pub(crate) fn legacy_ip(path: &Path<'_>, ip: &str, existing: &[String], gates: &FeatureGates) -> ErrorList {
    let existing: Vec<&str> = existing.iter().map(String::as_str).collect();
    names::validate_legacy_ip(path, ip, gates.enabled(Feature::StrictIPCIDRValidation), &existing)
}

/// Checks a CIDR in a field that is older than strict checking; `existing` ones may stay.
pub(crate) fn legacy_cidr(path: &Path<'_>, cidr: &str, existing: &[&str], gates: &FeatureGates) -> ErrorList {
    names::validate_legacy_cidr(path, cidr, gates.enabled(Feature::StrictIPCIDRValidation), existing)
}

/// Checks that an address can be that of an endpoint: nothing unspecified, local to a machine or a link.
#[must_use]
pub fn validate_endpoint_ip(text: &str, path: &Path<'_>) -> ErrorList {
    let Some(ip) = names::parse_ip_sloppy(text) else {
        return Error::invalid(path, text, "must be a valid IP address").into();
    };
    let mut errors = ErrorList::new();
    let mut refuse = |detail: &str| errors.push(Error::invalid(path, text, detail));
    if ip.is_unspecified() {
        refuse(&format!("may not be unspecified ({text})"));
    }
    if ip.is_loopback() {
        refuse("may not be in the loopback range (127.0.0.0/8, ::1/128)");
    }
    let (link_local, link_local_multicast) = match ip {
        IpAddr::V4(v4) => (v4.is_link_local(), v4.octets()[..3] == [224, 0, 0]),
        IpAddr::V6(v6) => (v6.is_unicast_link_local(), v6.segments()[0] & 0xff0f == 0xff02),
    };
    if link_local {
        refuse("may not be in the link-local range (169.254.0.0/16, fe80::/10)");
    }
    if link_local_multicast {
        refuse("may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)");
    }
    errors
}

/// Whether there are addresses of both families among `ips`.
///
/// # Errors
/// If one of them is no address, in upstream's words.
pub(crate) fn is_dual_stack(ips: &[String]) -> Result<bool, String> {
    let (mut v4, mut v6) = (false, false);
    for (index, ip) in ips.iter().enumerate() {
        match names::parse_ip_sloppy(ip) {
            Some(ip) if ip.is_ipv4() => v4 = true,
            Some(_) => v6 = true,
            None => return Err(format!("invalid IP[{index}]: {ip}")),
        }
    }
    Ok(v4 && v6)
}

/// Whether there are networks of both families among `cidrs`.
///
/// # Errors
/// If one of them is no network, in upstream's words.
pub(crate) fn is_dual_stack_cidrs(cidrs: &[String]) -> Result<bool, String> {
    let (mut v4, mut v6) = (false, false);
    for (index, cidr) in cidrs.iter().enumerate() {
        match names::parse_cidr_sloppy(cidr) {
            Some(network) if network.address.is_ipv4() => v4 = true,
            Some(_) => v6 = true,
            None => return Err(format!("invalid CIDR[{index}]: <nil> (invalid CIDR address: {cidr})")),
        }
    }
    Ok(v4 && v6)
}

/// The reference to an object must name a namespace as namespaces are named.
pub(crate) fn validate_namespace_name(name: &str, path: &Path<'_>, errors: &mut ErrorList) {
    errors.invalid_each(path, name, names::dns1123_label(name));
}

/// One error for each message about a string of a named type.
pub(crate) fn invalid_named(path: &Path<'_>, value: &str, messages: names::Messages) -> ErrorList {
    messages
        .into_iter()
        .map(|message| Error::invalid(path, named(value), message))
        .collect()
}

const MUST_BE_POSITIVE: &str = "must be greater than zero";

/// Checks that a quantity is above zero.
pub(crate) fn validate_positive(quantity: &Quantity, path: &Path<'_>) -> ErrorList {
    if quantity.signum() > 0 {
        return ErrorList::new();
    }
    Error::invalid(path, quantity.to_string(), MUST_BE_POSITIVE).into()
}

/// Checks that a number is above zero.
pub(crate) fn validate_positive_number(value: i64, path: &Path<'_>) -> ErrorList {
    if value > 0 {
        return ErrorList::new();
    }
    Error::invalid(path, value, MUST_BE_POSITIVE).into()
}

/// Checks that a quantity is not negative, in the words of the volume kinds.
pub(crate) fn validate_basic(quantity: &Quantity, path: &Path<'_>) -> ErrorList {
    let value = quantity.value();
    if value >= 0 {
        return ErrorList::new();
    }
    Error::invalid(path, value, "must be a valid resource quantity").into()
}
