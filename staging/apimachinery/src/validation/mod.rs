//! Object metadata, labels and label selectors: what all kinds have in common.
//!
//! Every error that there is comes back, in the order in which upstream reports them. Maps are
//! gone through in key order. Upstream counterparts: `api/validation` and
//! `apis/meta/v1/validation` of apimachinery.

mod conditions;
mod labels;
mod name;
mod object;
mod owners;
#[cfg(test)]
mod tests;

pub use conditions::{validate_condition, validate_conditions};
pub use labels::{
    LabelSelectorOptions, label_selector_has_invalid_value, validate_label_name, validate_label_selector,
    validate_label_selector_requirement, validate_labels,
};
pub use name::{NameCheck, NameRule};
pub use object::{
    IMMUTABLE, TOTAL_ANNOTATION_SIZE_LIMIT, validate_annotations, validate_annotations_size, validate_finalizer_name,
    validate_finalizers, validate_immutable, validate_managed_fields, validate_nonnegative, validate_object_meta,
    validate_object_meta_update,
};
pub use owners::validate_owner_references;
