//! Names of pools, attributes, requests, and the identities of shares.

use apimachinery::{
    field::{Error, ErrorList, Path},
    names,
};

use crate::common;

/// The longest identifier of an attribute or capacity.
const MAX_ID: usize = 32;
/// The longest attribute or capacity, domain and slash included.
pub(super) const MAX_QUALIFIED_NAME: usize = 63 + 1 + MAX_ID;

/// A DNS label.
pub(super) fn validate_label(name: &str, path: &Path<'_>) -> ErrorList {
    common::invalid_each(path, name, names::dns1123_label(name))
}

/// A DNS label that must be there.
pub(super) fn validate_required_label(name: &str, path: &Path<'_>) -> ErrorList {
    if name.is_empty() {
        return Error::required(path, "").into();
    }
    validate_label(name, path)
}

/// Subdomains with slashes between.
pub(super) fn validate_pool(name: &str, path: &Path<'_>) -> ErrorList {
    if name.is_empty() {
        return Error::required(path, "").into();
    }
    let mut errors = ErrorList::new();
    if name.len() > names::DNS_SUBDOMAIN_MAX_LENGTH {
        errors.push(Error::too_long(path, names::DNS_SUBDOMAIN_MAX_LENGTH));
    }
    for part in name.split('/') {
        errors.invalid_each(path, part, names::dns1123_subdomain(part));
    }
    errors
}

/// The name of an attribute or capacity, whose domain may be left out. More than one slash goes
/// unnoticed, as upstream has it.
pub(super) fn validate_qualified(name: &str, path: &Path<'_>) -> ErrorList {
    let Some((domain, id)) = name.split_once('/') else {
        return validate_id(name, path);
    };
    let mut errors = ErrorList::new();
    if id.contains('/') {
        return errors;
    }
    if domain.is_empty() {
        errors.push(Error::invalid(path, "", "the domain must not be empty"));
    } else {
        errors.append(common::driver_name(path, domain));
    }
    if id.is_empty() {
        errors.push(Error::invalid(path, "", "the name must not be empty"));
    } else {
        errors.append(validate_id(id, path));
    }
    errors
}

/// The name of an attribute with its domain.
pub(super) fn validate_fully_qualified(name: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = validate_qualified(name, path);
    if !name.contains('/') {
        let detail = "a fully qualified name must be a domain and a name separated by a slash";
        errors.push(Error::invalid(path, name, detail));
    }
    errors
}

fn validate_id(id: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if id.len() > MAX_ID {
        errors.push(Error::too_long(path, MAX_ID));
    }
    errors.invalid_each(path, id, names::c_identifier(id));
    errors
}

/// The identity of a share: an RFC 4122 UUID in lower case.
pub(super) fn validate_uid(uid: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(fault) = uuid_fault(uid) {
        errors.push(Error::invalid(path, uid, format!("error validating uid: {fault}")));
    } else if uid.len() != 36 || uid.bytes().any(|byte| byte.is_ascii_uppercase()) {
        let detail = "uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters";
        errors.push(Error::invalid(path, uid, detail));
    }
    errors
}

/// Why a text is in none of the forms that UUIDs are written in.
fn uuid_fault(text: &str) -> Option<String> {
    let invalid = || Some("invalid UUID format".to_owned());
    let bytes = text.as_bytes();
    let plain = match bytes.len() {
        36 => bytes,
        45 if bytes[..9].eq_ignore_ascii_case(b"urn:uuid:") => &bytes[9..],
        45 => {
            let prefix = String::from_utf8_lossy(&bytes[..9]);
            return Some(format!("invalid urn prefix: {prefix:?}"));
        }
        38 if bytes.starts_with(b"{") && bytes.ends_with(b"}") => &bytes[1..37],
        38 => return Some("invalid bracketed UUID format".into()),
        32 => {
            let hex = bytes.iter().all(u8::is_ascii_hexdigit);
            return if hex { None } else { invalid() };
        }
        other => return Some(format!("invalid UUID length: {other}")),
    };
    let well_formed = plain.iter().enumerate().all(|(at, byte)| match at {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    if well_formed { None } else { invalid() }
}

#[cfg(test)]
#[test]
fn uids() {
    let check = |uid: &str, expected: &str| {
        assert_eq!(validate_uid(uid, &Path::new("u")).to_string(), expected, "{uid}");
    };
    check("0b4f6a1e-8c0d-4b7a-9a3e-000000000001", "");
    check(
        "x",
        "u: Invalid value: \"x\": error validating uid: invalid UUID length: 1",
    );
    check(
        "0B4f6a1e-8c0d-4b7a-9a3e-000000000001",
        "u: Invalid value: \"0B4f6a1e-8c0d-4b7a-9a3e-000000000001\": uid must be in RFC 4122 normalized form, `xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx` with lowercase hexadecimal characters",
    );
    check(
        "0b4f6a1e_8c0d-4b7a-9a3e-000000000001",
        "u: Invalid value: \"0b4f6a1e_8c0d-4b7a-9a3e-000000000001\": error validating uid: invalid UUID format",
    );
}
