//! Selectors of lists and watches (upstream: `labels`, `fields`).

mod field_selector;
mod label_selector;
mod parser;
mod requirement;
#[cfg(test)]
mod tests;

pub use field_selector::{FieldRequirement, FieldSelector, FieldSelectorError, escape_value, unescape_value};
pub use label_selector::{LabelSelectorError, Selector};
pub use requirement::{Labels, Operator, Requirement};
