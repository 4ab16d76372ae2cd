//! `patches` and `patchesJson6902`.

use apimachinery::json::JsonPatch as Operations;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::refuse;
use crate::files::Folder;
use crate::resource::Resource;
use crate::resources::Resources;
use crate::selector::Selector;
use crate::{Result, accumulate, yaml};

/// A patch as a kustomization has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Patch {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) path: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(crate) patch: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target: Option<Selector>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) options: Option<PatchOptions>,
}

/// What a strategic merge patch may change of what a resource is known by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct PatchOptions {
    pub(crate) allow_name_change: bool,
    pub(crate) allow_kind_change: bool,
}

/// What a patch does.
enum Change {
    Strategic(Vec<Resource>),
    Json(Operations),
}

/// A patch that was read.
pub(crate) struct PatchStep {
    change: Change,
    target: Option<Selector>,
    source: String,
}

/// A text as operations of RFC 6902.
fn operations(text: &str) -> Result<Operations> {
    let value = if text.starts_with('[') {
        // What looks like JSON has to be JSON.
        serde_json::from_str(text).map_err(|error| refuse!("{error}"))?
    } else {
        yaml::parse(text)?
    };
    if !value.is_array() {
        return Err(refuse!(
            "json: cannot unmarshal {} into Go value of type jsonpatch.Patch",
            if value.is_object() { "object" } else { "string" }
        ));
    }
    Operations::from_value(value).map_err(|error| refuse!("{error}"))
}

fn apply(operations: &Operations, object: &mut Value) -> Result<()> {
    operations.apply(object, usize::MAX).map_err(|error| refuse!("{error}"))
}

impl PatchStep {
    /// Reads a patch; `config` is what a message shows of it.
    ///
    /// # Errors
    /// It is no patch of either kind, or one of both.
    pub(crate) fn new(folder: &Folder, patch: &Patch, config: &str) -> Result<Self> {
        let inline = patch.patch.trim();
        let (text, source) = match (inline.is_empty(), patch.path.is_empty()) {
            (true, true) => return Err(refuse!("must specify one of patch and path in\n{config}")),
            (false, false) => return Err(refuse!("patch and path can't be set at the same time\n{config}")),
            (false, true) => (inline.to_owned(), format!("[patch: {inline:?}]")),
            (true, false) => {
                let text = folder.read_text(&patch.path).map_err(|error| {
                    error.context(format!("failed to get the patch file from path({})", patch.path))
                })?;
                (text, format!("[path: {:?}]", patch.path))
            }
        };
        let change = match (accumulate::resources_of(&text), operations(&text)) {
            (Ok(_), Ok(_)) => {
                return Err(refuse!("illegally qualifies as both an SM and JSON patch: {source}"));
            }
            (Err(_), Err(_)) => return Err(refuse!("unable to parse SM or JSON patch from {source}")),
            (Ok(mut patches), _) => {
                let options = patch.options.clone().unwrap_or_default();
                for patch in &mut patches {
                    patch.allow_name_change = options.allow_name_change;
                    patch.allow_kind_change = options.allow_kind_change;
                }
                Change::Strategic(patches)
            }
            (Err(_), Ok(operations)) => Change::Json(operations),
        };
        Ok(Self {
            change,
            target: patch.target.clone(),
            source,
        })
    }

    /// Applies it.
    ///
    /// # Errors
    /// It has no target, or does not fit it.
    pub(crate) fn transform(&self, resources: &mut Resources) -> Result<()> {
        match (&self.change, &self.target) {
            (Change::Strategic(patches), Some(target)) => {
                let [patch] = patches.as_slice() else {
                    if patches.is_empty() {
                        return Ok(());
                    }
                    return Err(refuse!(
                        "Multiple Strategic-Merge Patches in one `patches` entry is not allowed to set `patches.target` field: {}",
                        self.source
                    ));
                };
                let places = resources.select(target).map_err(|error| {
                    let Selector {
                        annotation_selector,
                        label_selector,
                        ..
                    } = target;
                    let shown = format!("{}:a={annotation_selector}:l={label_selector}", target.id());
                    error.context(format!("unable to find patch target {shown:?} in `resources`"))
                })?;
                resources.patch(&places, patch, true)
            }
            (Change::Strategic(patches), None) => patches.iter().try_for_each(|patch| {
                let id = patch.original_id();
                let place = resources.one(&id).map_err(|error| {
                    error.context(format!(
                        "no resource matches strategic merge patch {:?}",
                        id.to_string()
                    ))
                })?;
                resources.patch(&[place], patch, false)
            }),
            (Change::Json(_), None) => Err(refuse!("must specify a target for JSON patch {}", self.source)),
            (Change::Json(operations), Some(target)) => {
                for place in resources.select(target)? {
                    let resource = &mut resources.0[place];
                    resource.store_id();
                    apply(operations, &mut resource.object)?;
                }
                Ok(())
            }
        }
    }
}

/// A patch of RFC 6902 for one target.
pub(crate) struct JsonPatch {
    operations: Operations,
    target: Selector,
}

impl JsonPatch {
    /// Reads a patch.
    ///
    /// # Errors
    /// It names no target, or is none.
    pub(crate) fn new(folder: &Folder, patch: &Patch) -> Result<Self> {
        let target = patch.target.clone().unwrap_or_default();
        if target.name.is_empty() {
            return Err(refuse!("must specify the target name"));
        }
        let text = match (patch.path.as_str(), patch.patch.as_str()) {
            ("", "") => return Err(refuse!("empty file path and empty jsonOp")),
            ("", text) => text.to_owned(),
            (path, "") => {
                let text = folder.read_text(path)?;
                if text.is_empty() {
                    return Err(refuse!("patch file '{path}' empty seems to be empty"));
                }
                text
            }
            _ => return Err(refuse!("must specify a file path or jsonOp, not both")),
        };
        let operations = operations(&text).map_err(|error| error.context(format!("decoding {text}")))?;
        Ok(Self { operations, target })
    }

    /// Applies it.
    ///
    /// # Errors
    /// It does not fit its target.
    pub(crate) fn transform(&self, resources: &mut Resources) -> Result<()> {
        for place in resources.select(&self.target)? {
            apply(&self.operations, &mut resources.0[place].object)?;
        }
        Ok(())
    }
}
