//! The rules of object metadata under the names that this crate uses: those of the core group.

use apimachinery::field::{ErrorList, Path};
use apis_pod::meta;

pub(crate) use apis_pod::meta::{
    LabelSelectorOptions, NameRule, validate_core_object_meta as validate_object_meta,
    validate_core_object_meta_update as validate_object_meta_update, validate_label_selector, validate_labels,
    validate_nonnegative,
};

/// Checks the name of a finalizer: its form, and that it has a domain unless it is a standard one.
pub(crate) fn validate_finalizer_name(finalizer: &str, path: &Path<'_>) -> ErrorList {
    let mut errors = meta::validate_finalizer_name(finalizer, path);
    errors.extend(meta::validate_standard_finalizer(finalizer, path));
    errors
}
