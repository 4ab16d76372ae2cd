//! Ranges of addresses of services.

#[cfg(test)]
mod tests;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use apis_core::GoValue;
use apis_pod::meta::{IMMUTABLE, NameRule, validate_object_meta, validate_object_meta_update};
use k8s_api::networking::v1::ServiceCIDR;

use crate::common::{METADATA, SPEC};

const MAX_CIDRS: usize = 2;

/// Every fault of a new range.
#[must_use]
pub fn validate(range: &ServiceCIDR) -> ErrorList {
    let mut errors = validate_object_meta(&range.metadata, false, NameRule::Dns1123Subdomain, &METADATA);
    validate_cidrs(&range.spec.cidrs, &SPEC.child("cidrs"), &mut errors);
    errors
}

/// Every fault of a changed range: a second family may be added, and nothing else.
#[must_use]
pub fn validate_update(new: &ServiceCIDR, old: &ServiceCIDR) -> ErrorList {
    let mut errors = validate_object_meta_update(&new.metadata, &old.metadata, &METADATA);
    let path = SPEC.child("cidrs");
    let (cidrs, before) = (&new.spec.cidrs, &old.spec.cidrs);
    let widened = before.len() == 1 && cidrs.len() == MAX_CIDRS;
    if before.len() != cidrs.len() && !widened {
        errors.push(Error::invalid(&path, show_list(cidrs), IMMUTABLE));
        return errors;
    }
    for (index, (cidr, before)) in cidrs.iter().zip(before).enumerate() {
        if cidr != before {
            errors.push(Error::invalid(&path.index(index), cidr, IMMUTABLE));
        }
    }
    if widened {
        validate_cidrs(cidrs, &path, &mut errors);
    }
    errors
}

/// Every fault of a changed status.
#[must_use]
pub fn validate_status_update(new: &ServiceCIDR, old: &ServiceCIDR) -> ErrorList {
    validate_object_meta_update(&new.metadata, &old.metadata, &METADATA)
}

fn show_list(cidrs: &Vec<String>) -> BadValue {
    let shown: GoValue = cidrs.into();
    shown.bad_value()
}

fn show_spec(cidrs: &Vec<String>) -> BadValue {
    GoValue::object([("CIDRs", cidrs.into())]).bad_value()
}

fn validate_cidrs(cidrs: &Vec<String>, path: &Path<'_>, errors: &mut ErrorList) {
    if cidrs.is_empty() {
        errors.push(Error::required(path, "at least one CIDR required"));
        return;
    }
    if cidrs.len() > MAX_CIDRS {
        errors.push(Error::invalid(path, show_spec(cidrs), "may only hold up to 2 values"));
        return;
    }
    for (index, cidr) in cidrs.iter().enumerate() {
        errors.append(names::validate_cidr(&path.index(index), cidr));
    }
    let is_ipv4 = |cidr: &String| names::parse_cidr_sloppy(cidr).map(|cidr| cidr.address.is_ipv4());
    if let [first, second] = &cidrs[..]
        && let (Some(first), Some(second)) = (is_ipv4(first), is_ipv4(second))
        && first == second
    {
        let detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64";
        errors.push(Error::invalid(path, show_list(cidrs), detail));
    }
}
