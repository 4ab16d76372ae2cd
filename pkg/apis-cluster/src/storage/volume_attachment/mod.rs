//! `VolumeAttachment`: that a volume shall be, and is, attached to a node.

mod validation;

pub use validation::{InlineVolumeRules, validate, validate_update};
