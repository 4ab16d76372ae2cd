//! Server-side apply: who owns which field of an object, and what an apply does to it.
//!
//! * [`fieldset`]: paths of fields and sets of them, with the `FieldsV1` encoding.
//! * [`typed`]: what a schema says about a value: its field set, the difference of two values,
//!   merging, removing and extracting fields.
//! * [`manager`]: `metadata.managedFields` through updates and applies, conflicts, `ApplyError`.
//!
//! Everything works on [`serde_json::Value`] with sorted members and is pure: the clock is passed
//! in. Corresponds upstream to `sigs.k8s.io/structured-merge-diff/v6` and
//! `k8s.io/apimachinery/pkg/util/managedfields`.

pub mod fieldset;
pub(crate) mod go;
pub mod manager;
#[cfg(test)]
pub(crate) mod test_schema;
pub mod typed;

pub use go::plain as plain_value;
