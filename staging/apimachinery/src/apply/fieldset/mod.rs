//! Field paths and sets of them, and their `FieldsV1` JSON form.
//!
//! A [`Set`] is a trie whose nodes are sorted: field names first, then list keys, set values and
//! indices. A node that stands for a member of the set or has children exists; any other does not,
//! so that equal sets are equal trees.

mod edit;
mod element;
mod filter;
mod serialize;
mod set;
#[cfg(test)]
mod tests;
mod text;

pub use element::{KeyField, Path, PathElement, display_path};
pub use filter::{ElementMatcher, Filter, SetMatcher};
pub use serialize::FieldsError;
pub(crate) use serialize::{write_field_key, write_key, write_text_key};
pub(crate) use set::Below;
pub use set::Set;
pub(crate) use text::Judgement;
