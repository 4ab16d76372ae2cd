//! Rules that several groups share.

mod labels;
mod meta;
pub(crate) mod webhook;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};
use k8s_api::{Map, primitives::quote};

pub(crate) use labels::{label_selector, node_selector, node_selector_json, node_selector_terms_json, selector_value};
pub(crate) use meta::{metadata_struct, metadata_value, object_meta, object_meta_update};

/// The message for a changed field that may not change.
pub(crate) const IMMUTABLE: &str = "field is immutable";

/// A name that only has to be a segment of a path.
pub(crate) fn name_is_path_segment(name: &str, _prefix: bool) -> Vec<String> {
    names::path_segment_name(name)
}

/// One error for each message about `value`.
pub(crate) fn invalid_each(path: &Path<'_>, value: &str, messages: Vec<String>) -> ErrorList {
    let mut errors = ErrorList::new();
    errors.invalid_each(path, value, messages);
    errors
}

/// A label key, in the words used for names with an optional domain.
pub(crate) fn qualified_name(path: &Path<'_>, value: &str) -> ErrorList {
    invalid_each(path, value, names::qualified_name(value))
}

/// `value` must be one of `supported`, which are shown in their order.
pub(crate) fn one_of(path: &Path<'_>, value: &str, supported: &[&str]) -> Option<Error> {
    (!supported.contains(&value)).then(|| Error::not_supported(path, value, supported))
}

/// An error if `new` differs from `old`.
pub(crate) fn immutable<T: PartialEq>(
    path: &Path<'_>,
    new: &T,
    old: &T,
    show: impl FnOnce(&T) -> BadValue,
) -> Option<Error> {
    (new != old).then(|| Error::invalid(path, show(new), IMMUTABLE))
}

/// [`immutable`] for a text.
pub(crate) fn immutable_text(path: &Path<'_>, new: &String, old: &String) -> Option<Error> {
    immutable(path, new, old, |text| text.into())
}

/// [`immutable`] for a text that may be absent.
pub(crate) fn immutable_option(path: &Path<'_>, new: &Option<String>, old: &Option<String>) -> Option<Error> {
    immutable(path, new, old, optional_text)
}

/// A text, or `null`.
pub(crate) fn optional_text(text: &Option<String>) -> BadValue {
    text.as_ref().map_or_else(|| BadValue::plain("null"), BadValue::from)
}

/// A map of texts as Go prints it; absent when empty.
pub(crate) fn string_map(map: &Map<String>) -> BadValue {
    if map.is_empty() {
        return BadValue::plain("null");
    }
    let members: Vec<_> = map
        .iter()
        .map(|(key, value)| format!("{}:{}", crate::go::json(key), crate::go::json(value)))
        .collect();
    BadValue::plain(format!("{{{}}}", members.join(",")))
}

/// The name of a CSI or device driver: a domain of at most 63 bytes, in any case.
pub(crate) fn driver_name(path: &Path<'_>, name: &str) -> ErrorList {
    let mut errors = ErrorList::new();
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return errors;
    }
    if name.len() > 63 {
        errors.push(Error::too_long(path, 63));
    }
    errors.invalid_each(path, name, names::dns1123_subdomain(&name.to_ascii_lowercase()));
    errors
}

/// A number that is not negative.
pub(crate) fn not_negative(path: &Path<'_>, value: i64) -> Option<Error> {
    (value < 0).then(|| Error::invalid(path, value, "must be greater than or equal to 0"))
}

/// A domain of at least three labels.
pub(crate) fn fully_qualified_name(path: &Path<'_>, name: &str) -> Option<Error> {
    if name.is_empty() {
        return Some(Error::required(path, ""));
    }
    let messages = names::dns1123_subdomain(name);
    if !messages.is_empty() {
        return Some(Error::invalid(path, name, messages.join(",")));
    }
    (name.split('.').count() < 3).then(|| {
        Error::invalid(
            path,
            name,
            "should be a domain with at least three segments separated by dots",
        )
    })
}

/// The name of a signer: a domain and a name with a slash between.
pub(crate) fn signer_name(path: &Path<'_>, name: &str) -> ErrorList {
    const MAX_DOMAIN: usize = names::DNS_SUBDOMAIN_MAX_LENGTH;
    const MAX_NAME: usize = MAX_DOMAIN + names::DNS_LABEL_MAX_LENGTH + 1;
    let mut errors = ErrorList::new();
    if name.is_empty() {
        errors.push(Error::required(path, ""));
        return errors;
    }
    let Some((domain, rest)) = name.split_once('/').filter(|(_, rest)| !rest.contains('/')) else {
        let detail = "must be a fully qualified domain and path of the form 'example.com/signer-name'";
        errors.push(Error::invalid(path, name, detail));
        return errors;
    };
    if domain.len() > MAX_DOMAIN {
        errors.push(Error::too_long(path, MAX_DOMAIN));
    }
    errors.append(first_bad_label(path, domain, names::dns1123_label));
    if !domain.contains('.') {
        let detail = "should be a domain with at least two segments separated by dots";
        errors.push(Error::invalid(path, domain, detail));
    }
    errors.append(first_bad_label(path, rest, names::dns1123_subdomain));
    if name.len() > MAX_DOMAIN + MAX_NAME + 1 {
        errors.push(Error::too_long(path, MAX_DOMAIN + MAX_NAME + 1));
    }
    errors
}

/// What is wrong with the first bad part between dots.
fn first_bad_label(path: &Path<'_>, text: &str, rule: fn(&str) -> Vec<String>) -> ErrorList {
    let mut faults = text.split('.').map(|label| (label, rule(label)));
    let Some((label, messages)) = faults.find(|(_, messages)| !messages.is_empty()) else {
        return ErrorList::new();
    };
    let shown = quote(label);
    let messages = messages
        .into_iter()
        .map(|message| format!("validating label {shown}: {message}"));
    invalid_each(path, text, messages.collect())
}
