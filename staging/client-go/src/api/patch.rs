//! The kinds of patches.

use serde_json::Value;

/// A change to an object.
#[derive(Clone, Debug, PartialEq)]
pub enum Patch {
    /// RFC 6902: a list of operations.
    Json(Value),
    /// RFC 7386: members to set, `null` to remove.
    Merge(Value),
    /// Like merge, with lists merged by their keys.
    Strategic(Value),
    /// Server-side apply: the fields that the manager wants. Needs a field manager.
    Apply(Value),
}

impl Patch {
    pub(super) fn content_type(&self) -> &'static str {
        match self {
            Self::Json(_) => "application/json-patch+json",
            Self::Merge(_) => "application/merge-patch+json",
            Self::Strategic(_) => "application/strategic-merge-patch+json",
            // YAML's type, in which JSON is valid too.
            Self::Apply(_) => "application/apply-patch+yaml",
        }
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        let (Self::Json(value) | Self::Merge(value) | Self::Strategic(value) | Self::Apply(value)) = self;
        serde_json::to_vec(value).expect("a JSON value encodes as JSON")
    }
}
