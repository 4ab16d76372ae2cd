//! The selectors of controllers, and the labels of the pods they make.

use apimachinery::{
    field::{Error, ErrorList, Path},
    selectors::Selector,
};
use apis_pod::meta::{LabelSelectorOptions, validate_label_selector};
use k8s_api::{Map, meta::v1::LabelSelector};

use super::show;

/// Nothing malformed is let through.
pub(crate) const STRICT: LabelSelectorOptions = LabelSelectorOptions {
    allow_invalid_label_values: false,
    allow_unknown_operators: false,
};

/// Values that no label can have are let through where they are there already.
pub(crate) fn lenient(allow_invalid_label_values: bool) -> LabelSelectorOptions {
    LabelSelectorOptions {
        allow_invalid_label_values,
        allow_unknown_operators: false,
    }
}

/// Checks a selector that must be there and select something.
pub(crate) fn require_selector(selector: Option<&LabelSelector>, path: &Path<'_>, empty: &str, errors: &mut ErrorList) {
    let Some(selector) = selector else {
        errors.push(Error::required(path, ""));
        return;
    };
    errors.append(validate_label_selector(Some(selector), STRICT, path));
    if is_empty(selector) {
        errors.push(Error::invalid(path, show::label_selector(selector), empty));
    }
}

/// Whether the selector has no requirement.
pub(crate) fn is_empty(selector: &LabelSelector) -> bool {
    selector.match_labels.is_empty() && selector.match_expressions.is_empty()
}

/// Checks that the selector selects the pods of the template at `path`.
pub(crate) fn validate_template_labels(selector: &Selector, labels: &Map<String>, path: &Path<'_>) -> Option<Error> {
    (!selector.matches(labels)).then(|| {
        let detail = "`selector` does not match template `labels`";
        Error::invalid(&path.child("metadata.labels"), show::label_map(labels), detail)
    })
}
