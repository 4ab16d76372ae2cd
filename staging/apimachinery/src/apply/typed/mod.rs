//! What a schema says about a value: validity, field set, differences, merging.
//!
//! A [`TypedRef`] is a position in a schema or one of the two types of values without a schema.
//! All walks take a value and a `TypedRef` and follow the rules of structured-merge-diff v6:
//!
//! * objects are granular unless marked atomic; lists are atomic unless they are sets or maps;
//! * elements of a map list are found by their keys, absent keys counting with their default;
//! * applied configurations may not repeat a key, live objects may: repeated elements are owned and
//!   compared as one, and an applied element replaces all of them.

mod compare;
mod error;
mod field_set;
mod gained;
mod merge;
mod remove;
mod schema_sets;
mod shape;
#[cfg(test)]
mod tests;
mod validate;
mod zero;

pub(crate) use compare::same;
pub use compare::{Comparison, compare};
pub use error::{ValidationError, ValidationErrors};
pub use field_set::to_field_set;
pub(crate) use gained::gained_json;
pub use merge::merge;
pub use remove::{extract_items, remove_items, with_key_fields};
pub(crate) use schema_sets::text_follows_schema;
pub use schema_sets::{ensure_named_fields_are_members, reconcile_with_schema};
pub use shape::TypedRef;
pub use validate::{Duplicates, validate};
pub use zero::zero_value;
