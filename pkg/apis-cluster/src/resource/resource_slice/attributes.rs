//! What a device says about itself: one value, or a list of values, of one type.

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use k8s_api::resource::v1::DeviceAttribute;

use super::super::show;

const MAX_VALUE: usize = 64;

pub(super) fn validate(attribute: &DeviceAttribute, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if let Some(text) = &attribute.string {
        errors.append(validate_text(text, &path.child("string")));
    }
    if let Some(version) = &attribute.version {
        errors.append(validate_version(version, &path.child("version")));
    }
    let list = path.child("strings");
    for (at, text) in attribute.strings.iter().enumerate() {
        errors.append(validate_text(text, &list.index(at)));
    }
    let list = path.child("versions");
    for (at, version) in attribute.versions.iter().enumerate() {
        errors.append(validate_version(version, &list.index(at)));
    }
    let present = [
        attribute.bool.is_some(),
        attribute.int.is_some(),
        attribute.string.is_some(),
        attribute.version.is_some(),
        !attribute.bools.is_empty(),
        !attribute.ints.is_empty(),
        !attribute.strings.is_empty(),
        !attribute.versions.is_empty(),
    ];
    let shown = match present.into_iter().filter(|present| *present).count() {
        0 => BadValue::from(""),
        1 => return errors,
        _ => show::attribute(attribute),
    };
    errors.push(Error::invalid(path, shown, "exactly one value must be specified"));
    errors
}

fn validate_text(text: &str, path: &Path<'_>) -> ErrorList {
    if text.len() > MAX_VALUE {
        return Error::too_long(path, MAX_VALUE).into();
    }
    ErrorList::new()
}

fn validate_version(version: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = ErrorList::new();
    if !is_semantic_version(version) {
        let detail = "must be a string compatible with semver.org spec 2.0.0";
        errors.push(Error::invalid(path, version, detail));
    }
    errors.append(validate_text(version, path));
    errors
}

/// `1.2.3`, with `-pre.release` and `+build` behind it.
fn is_semantic_version(text: &str) -> bool {
    let number = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()) && (part == "0" || !part.starts_with('0'))
    };
    let word = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let pre_release = |part: &str| word(part) && (number(part) || part.bytes().any(|byte| !byte.is_ascii_digit()));
    let (text, build) = text
        .split_once('+')
        .map_or((text, None), |(text, build)| (text, Some(build)));
    let (core, pre) = text
        .split_once('-')
        .map_or((text, None), |(core, pre)| (core, Some(pre)));
    core.split('.').count() == 3
        && core.split('.').all(number)
        && pre.is_none_or(|pre| pre.split('.').all(pre_release))
        && build.is_none_or(|build| build.split('.').all(word))
}

#[cfg(test)]
#[test]
fn versions() {
    for good in ["1.2.3", "0.0.0-alpha.1+b.007", "1.0.0--", "1.0.0+-", "1.0.0-0a"] {
        assert!(is_semantic_version(good), "{good}");
    }
    for bad in [
        "1.2",
        "01.2.3",
        "1.2.3-01",
        "1.2.3-",
        "1.2.3+",
        "v1.2.3",
        "1.2.3+a+b",
        "",
    ] {
        assert!(!is_semantic_version(bad), "{bad}");
    }
}
