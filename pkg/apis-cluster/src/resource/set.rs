//! Lists and maps of limited size. A list that is too long is refused without a look at its items.

use std::{collections::HashSet, hash::Hash};

use apimachinery::field::{BadValue, Error, ErrorList, Path};
use k8s_api::Map;

/// A list of at most `most` valid items.
pub(super) fn validate_list<T>(
    list: &[T],
    most: usize,
    path: &Path<'_>,
    mut item: impl FnMut(&T, &Path<'_>) -> ErrorList,
) -> ErrorList {
    if list.len() > most {
        return Error::too_many(path, list.len(), most).into();
    }
    let mut errors = ErrorList::new();
    for (at, value) in list.iter().enumerate() {
        errors.append(item(value, &path.index(at)));
    }
    errors
}

/// A list of at most `most` valid items with different keys; `show` prints a repeated key.
pub(super) fn validate_set<'a, T, K: Hash + Eq>(
    list: &'a [T],
    most: usize,
    path: &Path<'_>,
    item: impl FnMut(&T, &Path<'_>) -> ErrorList,
    key: impl Fn(&'a T) -> K,
    show: impl Fn(K) -> BadValue,
) -> ErrorList {
    let mut errors = validate_list(list, most, path, item);
    if list.len() > most {
        return errors;
    }
    let mut seen = HashSet::new();
    for (at, value) in list.iter().enumerate() {
        if !seen.insert(key(value)) {
            errors.push(Error::duplicate(&path.index(at), show(key(value))));
        }
    }
    errors
}

/// [`validate_set`] with texts for keys.
pub(super) fn validate_named<'a, T>(
    list: &'a [T],
    most: usize,
    path: &Path<'_>,
    item: impl FnMut(&T, &Path<'_>) -> ErrorList,
    key: impl Fn(&'a T) -> &'a String,
) -> ErrorList {
    validate_set(list, most, path, item, key, BadValue::from)
}

/// The keys and values of a map; long keys are shortened in paths.
pub(super) fn validate_map<V>(
    map: &Map<V>,
    longest_key: usize,
    path: &Path<'_>,
    key: impl Fn(&str, &Path<'_>) -> ErrorList,
    value: impl Fn(&V, &Path<'_>) -> ErrorList,
) -> ErrorList {
    let mut errors = ErrorList::new();
    for (name, item) in map {
        errors.append(key(name, path));
        let shown = shorten(name, longest_key);
        errors.append(value(item, &path.key(&shown)));
    }
    errors
}

/// Cuts out the middle of a text that is longer than `most`.
fn shorten(text: &str, most: usize) -> std::borrow::Cow<'_, str> {
    let most = most.max(16);
    if text.len() <= most {
        return text.into();
    }
    let rest = most - 3;
    let start = String::from_utf8_lossy(&text.as_bytes()[..rest.div_ceil(2)]).into_owned();
    let end = String::from_utf8_lossy(&text.as_bytes()[text.len() - rest / 2..]).into_owned();
    format!("{start}...{end}").into()
}

#[cfg(test)]
#[test]
fn long_keys() {
    assert_eq!(shorten("0123456789abcdef", 3), "0123456789abcdef");
    assert_eq!(shorten("0123456789abcdefg", 3), "0123456...bcdefg");
}
