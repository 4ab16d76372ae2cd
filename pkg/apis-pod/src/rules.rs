//! Small rules about one value, in the form that validation of structs is made of.

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names::{self, Messages},
};

use crate::meta::{NameCheck, NameRule};

/// A string of a named type, which Go shows as JSON and not as `%q`.
#[must_use]
pub fn named(text: &str) -> BadValue {
    BadValue::json(&text)
}

/// An error for each message about `value`.
#[must_use]
pub fn invalid_each(path: &Path<'_>, value: &str, messages: Messages) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.invalid_each(path, value, messages);
    errors
}

/// An error for each message about a number.
#[must_use]
pub fn invalid_number(path: &Path<'_>, value: i64, messages: Messages) -> ErrorList {
    messages
        .into_iter()
        .map(|message| Error::invalid(path, value, message))
        .collect()
}

/// The name of an object, by the rule of its kind.
#[must_use]
pub fn object_name(rule: NameRule, path: &Path<'_>, name: &str) -> ErrorList {
    invalid_each(path, name, rule.check(name, false))
}

/// A DNS label.
#[must_use]
pub fn dns_label(path: &Path<'_>, value: &str) -> ErrorList {
    invalid_each(path, value, names::dns1123_label(value))
}

/// A DNS subdomain.
#[must_use]
pub fn dns_subdomain(path: &Path<'_>, value: &str) -> ErrorList {
    invalid_each(path, value, names::dns1123_subdomain(value))
}

/// A name with an optional domain before it.
#[must_use]
pub fn qualified_name(path: &Path<'_>, value: &str) -> ErrorList {
    invalid_each(path, value, names::qualified_name(value))
}

/// An error if there is nothing.
#[must_use]
pub fn required(path: &Path<'_>, value: &str) -> Option<Error> {
    value.is_empty().then(|| Error::required(path, ""))
}

/// An error if `value` is none of `supported`, which are listed in their order.
#[must_use]
pub fn one_of(path: &Path<'_>, value: &str, supported: &[&str]) -> Option<Error> {
    (!supported.contains(&value)).then(|| Error::not_supported(path, named(value), supported))
}

/// [`one_of`], and another error if there is nothing.
#[must_use]
pub fn required_one_of(path: &Path<'_>, value: &str, supported: &[&str]) -> Option<Error> {
    required(path, value).or_else(|| one_of(path, value, supported))
}

/// An error if `value` is not above zero.
#[must_use]
pub fn positive(path: &Path<'_>, value: i64) -> Option<Error> {
    (value <= 0).then(|| Error::invalid(path, value, "must be greater than zero"))
}

/// An error if there is a `..` between the slashes.
#[must_use]
pub fn no_backsteps(path: &Path<'_>, value: &str) -> Option<Error> {
    let steps_back = value.split('/').any(|part| part == "..");
    steps_back.then(|| Error::invalid(path, value, "must not contain '..'"))
}

/// A path below some directory: relative, without `..`.
#[must_use]
pub fn descending_path(path: &Path<'_>, value: &str) -> ErrorList {
    let mut errors = ErrorList::new();
    if value.starts_with('/') {
        errors.push(Error::invalid(path, value, "must be a relative path"));
    }
    errors.extend(no_backsteps(path, value));
    errors
}

/// [`descending_path`] that does not begin with two dots either.
#[must_use]
pub fn non_reserved_path(path: &Path<'_>, value: &str) -> ErrorList {
    let mut errors = descending_path(path, value);
    if value.starts_with("..") && !value.starts_with("../") {
        errors.push(Error::invalid(path, value, "must not start with '..'"));
    }
    errors
}

/// The number or the name of a port.
#[must_use]
pub fn port(path: &Path<'_>, port: &k8s_api::primitives::IntOrString) -> ErrorList {
    match port.as_str() {
        Some(name) => invalid_each(path, name, names::port_name(name)),
        None => invalid_number(path, port.int_value(), names::port_number(port.int_value())),
    }
}
