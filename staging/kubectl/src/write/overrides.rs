//! `--overrides` and `--override-type` (upstream: `cmdutil.OverrideOptions`).

use apimachinery::json::parse;
use component_base::flags::{FlagSet, Flags};
use kubectl_objects::patching::{self, PatchType};
use kubectl_objects::typed::typed;
use serde_json::Value;

use cli_runtime::{Result, message};

use super::{made, refused};

/// A patch for the object that a command makes.
#[derive(Clone, Debug)]
pub(crate) struct Overrides {
    patch: String,
    patch_type: String,
}

impl Default for Overrides {
    fn default() -> Self {
        Self {
            patch: String::new(),
            patch_type: "merge".to_owned(),
        }
    }
}

impl Flags for Overrides {
    fn add_flags<'a>(&'a mut self, flags: &mut FlagSet<'a>) {
        flags.add("overrides", &mut self.patch, "An inline JSON override for the generated object. If this is non-empty, it is used to override the generated object. Requires that the object supply a valid apiVersion field.");
        flags.add(
            "override-type",
            &mut self.patch_type,
            "The method used to override the generated object: json, merge, or strategic.",
        );
    }
}

impl Overrides {
    /// The object with the patch, if there is one.
    ///
    /// # Errors
    /// The patch is malformed, of no known type, or does not fit the object.
    pub(crate) fn apply(&self, object: Value) -> Result<Value> {
        if self.patch.is_empty() {
            return Ok(object);
        }
        let kind = match self.patch_type.as_str() {
            "json" => PatchType::Json,
            "merge" | "" => PatchType::Merge,
            "strategic" => PatchType::Strategic,
            other => return Err(message!("invalid override type: {other}")),
        };
        let patch = parse(self.patch.as_bytes()).map_err(|error| match kind {
            PatchType::Json => message!("{error}"),
            PatchType::Merge => message!("Invalid JSON Patch"),
            PatchType::Strategic => message!("invalid JSON document"),
        })?;
        let patched = patching::apply(&typed(&object).map_err(refused)?, kind, &patch).map_err(refused)?;
        made::resource_of(&patched)?;
        typed(&patched).map_err(refused)
    }
}
