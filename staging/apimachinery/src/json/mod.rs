//! JSON and YAML as Go reads them, and the two patches that need no schema.
//!
//! The dynamic form is [`serde_json::Value`]. Reading reports duplicate fields beside the value
//! (upstream: `sigs.k8s.io/json`, strict decoding) and words its errors as Go does.

mod merge_patch;
mod parse;
mod patch;
#[cfg(test)]
mod tests;
mod text;
mod yaml;

pub use merge_patch::{MergePatchError, create_merge_patch, merge_patch};
pub use parse::{JsonError, MAX_DEPTH, Parsed, parse, parse_strict};
pub use patch::{JsonPatch, JsonPatchError, MAX_PATCH_OPERATIONS};
pub use yaml::{YamlError, parse_yaml, yaml_to_json};
