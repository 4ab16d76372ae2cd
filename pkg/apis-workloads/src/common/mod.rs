//! Rules that several groups share.

pub(crate) use apis_core::core::persistent_volume_claim as claim;
mod percent;
mod selector;
mod show;
pub(crate) mod template;
#[cfg(test)]
pub(crate) mod testing;

use apimachinery::{
    field::{BadValue, Error, ErrorList, Path},
    names,
};

pub(crate) use apis_pod::rules::named;
pub(crate) use percent::{int_or_percent_value, validate_at_most_100_percent, validate_int_or_percent};
pub(crate) use selector::{STRICT, is_empty as is_empty_selector, lenient, require_selector, validate_template_labels};
pub(crate) use show::{int_or_string, label_map, label_selector, label_selector_value};

/// The root of object metadata.
pub(crate) const METADATA: Path<'static> = Path::new("metadata");
/// The root of what is wanted.
pub(crate) const SPEC: Path<'static> = Path::new("spec");
/// The root of what is.
pub(crate) const STATUS: Path<'static> = Path::new("status");

/// Checks numbers that may not be negative, in their order.
pub(crate) fn nonnegative<const N: usize>(path: &Path<'_>, fields: [(&str, Option<i64>); N], errors: &mut ErrorList) {
    for (name, value) in fields {
        if let Some(value) = value {
            errors.append(apis_pod::meta::validate_nonnegative(value, &path.child(name)));
        }
    }
}

/// One error for each of `fields` that is above `most`.
pub(crate) fn at_most<const N: usize>(
    path: &Path<'_>,
    fields: [(&str, i32); N],
    most: i32,
    detail: &str,
    errors: &mut ErrorList,
) {
    for (name, value) in fields {
        if value > most {
            errors.push(Error::invalid(&path.child(name), value, detail));
        }
    }
}

/// A counter that guards names against collisions may only grow.
pub(crate) fn not_decremented(path: &Path<'_>, new: Option<i32>, old: Option<i32>, errors: &mut ErrorList) {
    let decremented = match (new, old) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(new), Some(old)) => new < old,
    };
    if decremented {
        let path = path.child("collisionCount");
        errors.push(Error::invalid(&path, new.unwrap_or_default(), "cannot be decremented"));
    }
}

/// An error if the two differ; `show` prints the new one.
pub(crate) fn immutable<T: PartialEq + ?Sized>(
    path: &Path<'_>,
    new: &T,
    old: &T,
    show: impl FnOnce(&T) -> BadValue,
) -> Option<Error> {
    apis_pod::meta::validate_immutable(new, old, path, show)
}

/// A value whose absence is `null`.
pub(crate) fn or_null<T>(value: &Option<T>, show: impl FnOnce(&T) -> BadValue) -> BadValue {
    value.as_ref().map_or_else(|| BadValue::plain("null"), show)
}

/// One error for each message about a string of a named type.
pub(crate) fn invalid_named(path: &Path<'_>, value: &str, messages: names::Messages, errors: &mut ErrorList) {
    errors.extend(
        messages
            .into_iter()
            .map(|message| Error::invalid(path, named(value), message)),
    );
}

/// A text that must be there and may be a segment of a path.
pub(crate) fn required_segment(path: &Path<'_>, value: &str, errors: &mut ErrorList) {
    if value.is_empty() {
        errors.push(Error::required(path, ""));
    } else {
        errors.invalid_each(path, value, names::path_segment_name(value));
    }
}

/// A domain and a path of any characters that stand in one, with a slash between.
pub(crate) fn validate_domain_prefixed_path(path: &Path<'_>, value: &str) -> ErrorList {
    if value.is_empty() {
        return Error::required(path, "").into();
    }
    let Some((domain, rest)) = value
        .split_once('/')
        .filter(|(domain, rest)| !domain.is_empty() && !rest.is_empty())
    else {
        let detail = "must be a domain-prefixed path (such as \"acme.io/foo\")";
        return Error::invalid(path, value, detail).into();
    };
    let mut errors = ErrorList::new();
    errors.invalid_each(path, domain, names::dns1123_subdomain(domain));
    errors.invalid_each(path, rest, names::http_path(rest));
    errors
}

/// The warning about names that cannot be those of pods.
pub(crate) fn pod_name_warning(name: &str) -> Option<String> {
    let messages = names::dns1123_label(name);
    (!messages.is_empty()).then(|| {
        format!(
            "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; \
             a DNS label is recommended: [{}]",
            messages.join(" ")
        )
    })
}
