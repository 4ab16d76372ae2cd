//! `replacements`: a value that is copied from one field to others.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Result;
use crate::error::refuse;
use crate::id::{Gvk, ResId};
use crate::paths::{self, Missing};
use crate::resource::Resource;
use crate::resources::Resources;
use crate::selector::Selector;
use crate::yaml::{self, scalar_text};

/// The field that is meant where none is named.
const DEFAULT_PATH: &str = "metadata.name";

/// An entry of a kustomization: a replacement, or a file with some.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct ReplacementField {
    pub(crate) path: String,
    pub(crate) source: Option<Source>,
    pub(crate) targets: Option<Vec<Target>>,
    pub(crate) source_value: Option<String>,
}

/// Where a value comes from, and where it goes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Replacement {
    pub(crate) source: Option<Source>,
    pub(crate) targets: Option<Vec<Target>>,
    pub(crate) source_value: Option<String>,
}

/// A field of one resource.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Source {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    field_path: String,
    options: Option<FieldOptions>,
}

/// Fields of some resources.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Target {
    select: Option<Selector>,
    reject: Vec<Selector>,
    field_paths: Vec<String>,
    options: Option<FieldOptions>,
}

/// A part of a field.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct FieldOptions {
    delimiter: String,
    index: i64,
    encoding: String,
    create: bool,
}

impl ReplacementField {
    /// The replacements that it stands for.
    ///
    /// # Errors
    /// Its file cannot be read.
    pub(crate) fn load(&self, folder: &crate::files::Folder) -> Result<Vec<Replacement>> {
        if self.path.is_empty() {
            return Ok(vec![Replacement {
                source: self.source.clone(),
                targets: self.targets.clone(),
                source_value: self.source_value.clone(),
            }]);
        }
        if self.source.is_some() || self.targets.as_ref().is_some_and(|targets| !targets.is_empty()) {
            return Err(refuse!("cannot specify both path and inline replacement"));
        }
        let value = yaml::parse(&folder.read_text(&self.path)?)?;
        let values = match value {
            Value::Array(values) => values,
            Value::Object(_) => vec![value],
            Value::String(_) => {
                return Err(refuse!(
                    "unsupported replacement type encountered within replacement path: string"
                ));
            }
            _ => {
                return Err(refuse!(
                    "unsupported replacement type encountered within replacement path: invalid"
                ));
            }
        };
        let read = |value| serde_json::from_value(value).map_err(|error| refuse!("{}: {error}", self.path));
        values.into_iter().map(read).collect()
    }
}

impl Source {
    fn id(&self) -> ResId {
        ResId {
            gvk: Gvk::new(&self.group, &self.version, &self.kind),
            name: self.name.clone(),
            namespace: self.namespace.clone(),
        }
    }

    fn shown(&self) -> String {
        let mut parts = vec![self.id().to_string()];
        if !self.field_path.is_empty() {
            parts.push(self.field_path.clone());
        }
        if let Some(options) = self
            .options
            .as_ref()
            .filter(|options| !options.delimiter.is_empty() || options.create)
        {
            parts.push(format!(
                "{}({}), create={}",
                options.delimiter, options.index, options.create
            ));
        }
        parts.join(":")
    }

    fn value(&self, resources: &Resources) -> Result<Value> {
        let id = self.id();
        let mut found = resources.0.iter().filter(|resource| {
            resource.id().is_selected_by(&id) || resource.previous_ids().any(|known| known.is_selected_by(&id))
        });
        let Some(resource) = found.next() else {
            return Err(refuse!("nothing selected by {}", self.shown()));
        };
        if found.next().is_some() {
            return Err(refuse!("multiple matches for selector {}", self.shown()));
        }
        let path = match self.field_path.as_str() {
            "" => DEFAULT_PATH,
            path => path,
        };
        let value = paths::lookup(&resource.object, &paths::parts(path))
            .map_err(|error| error.context("error looking up replacement source"))?;
        let is_empty = |value: &Value| match value {
            Value::Null => true,
            Value::Object(members) => members.is_empty(),
            Value::Array(elements) => elements.is_empty(),
            Value::String(text) => text.is_empty(),
            _ => false,
        };
        let Some(value) = value.filter(|value| !is_empty(value)) else {
            return Err(refuse!("fieldPath `{path}` is missing for replacement source {id}"));
        };
        self.refined(value)
    }

    /// The part of the value that is meant.
    fn refined(&self, value: &Value) -> Result<Value> {
        let Some(options) = self.options.as_ref().filter(|options| !options.delimiter.is_empty()) else {
            return Ok(value.clone());
        };
        let Some(text) = scalar_text(value) else {
            return Err(refuse!("delimiter option can only be used with scalar nodes"));
        };
        let part = usize::try_from(options.index)
            .ok()
            .and_then(|index| text.split(&options.delimiter).nth(index));
        part.map(Into::into)
            .ok_or_else(|| refuse!("options.index {} is out of bounds for value {text}", options.index))
    }
}

/// Copies every value.
///
/// # Errors
/// A value is not there, or a field that it should go to.
pub(crate) fn apply(resources: &mut Resources, replacements: &[Replacement]) -> Result<()> {
    for replacement in replacements {
        let value = match (&replacement.source, &replacement.source_value, &replacement.targets) {
            (None, None, _) | (_, _, None) => {
                return Err(refuse!("replacements must specify a source and at least one target"));
            }
            (Some(_), Some(_), _) => {
                return Err(refuse!("value and resource selectors are mutually exclusive"));
            }
            (None, Some(text), _) => text.as_str().into(),
            (Some(source), None, _) => source.value(resources)?,
        };
        for target in replacement.targets.iter().flatten() {
            target.copy(resources, &value)?;
        }
    }
    Ok(())
}

impl Target {
    fn copy(&self, resources: &mut Resources, value: &Value) -> Result<()> {
        let Some(select) = &self.select else {
            return Err(refuse!("target must specify resources to select"));
        };
        let wrap = |error: crate::BuildError| error.context("error creating target selector");
        let select = select.matcher().map_err(wrap)?;
        let rejects = self
            .reject
            .iter()
            .map(|reject| reject.matcher().map_err(wrap))
            .collect::<Result<Vec<_>>>()?;
        for resource in &mut resources.0 {
            let ids: Vec<ResId> = std::iter::once(resource.id()).chain(resource.previous_ids()).collect();
            let rejected = rejects.iter().any(|reject| {
                (!reject.marks_nothing && reject.is_marked(resource))
                    || (!reject.names_nothing && ids.iter().any(|id| reject.is_id(id)))
            });
            if select.is_marked(resource) && !rejected && ids.iter().any(|id| select.is_id(id)) {
                self.write(resource, value)?;
            }
        }
        Ok(())
    }

    fn write(&self, resource: &mut Resource, value: &Value) -> Result<()> {
        let default = [DEFAULT_PATH.to_owned()];
        let paths = if self.field_paths.is_empty() {
            &default[..]
        } else {
            &self.field_paths
        };
        let creates = self.options.as_ref().is_some_and(|options| options.create);
        let missing = if creates { Missing::Made } else { Missing::Left };
        for path in paths {
            let parts = paths::parts(path);
            if write_within_text(&mut resource.object, &parts, value, missing) {
                continue;
            }
            let not_found = || {
                let what = if creates { "find or create" } else { "find" };
                format!("unable to {what} field {path:?} in replacement target")
            };
            let found =
                paths::matches(&mut resource.object, &parts, missing).map_err(|error| error.context(not_found()))?;
            if found.is_empty() {
                return Err(crate::BuildError::new(not_found()));
            }
            for way in found {
                if let Some(field) = paths::at(&mut resource.object, &way) {
                    self.set(field, value)?;
                }
            }
        }
        Ok(())
    }

    fn set(&self, field: &mut Value, value: &Value) -> Result<()> {
        let Some(options) = self.options.as_ref().filter(|options| !options.delimiter.is_empty()) else {
            set(field, value);
            return Ok(());
        };
        if field.is_object() || field.is_array() {
            return Err(refuse!("delimiter option can only be used with scalar nodes"));
        }
        let old = scalar_text(field).unwrap_or_default();
        let new = scalar_text(value).unwrap_or_default();
        let mut parts: Vec<&str> = old.split(&options.delimiter).collect();
        match usize::try_from(options.index) {
            Err(_) => parts.insert(0, &new),
            Ok(index) => match parts.get_mut(index) {
                Some(part) => *part = &new,
                None => parts.push(&new),
            },
        }
        set(field, &parts.join(&options.delimiter).into());
        Ok(())
    }
}

/// Writes a value; one without members takes the type of what was there.
fn set(field: &mut Value, value: &Value) {
    match (&*field, scalar_text(value)) {
        (Value::String(_), Some(text)) => *field = text.into(),
        (Value::Null | Value::Bool(_) | Value::Number(_), Some(text)) => {
            *field = yaml::parse(&text).unwrap_or_else(|_| text.into());
        }
        _ => *field = value.clone(),
    }
}

/// Writes a value into the document that a text of the object holds, if the path leads into one; false if it does not.
fn write_within_text(object: &mut Value, parts: &[String], value: &Value, missing: Missing) -> bool {
    for at in 1..parts.len() {
        let (outer, inner) = parts.split_at(at);
        let Ok(Some(Value::String(text))) = paths::lookup(object, outer) else {
            continue;
        };
        let text = text.clone();
        let Ok(mut document) = yaml::parse(&text) else {
            continue;
        };
        let Ok(found) = paths::matches(&mut document, inner, missing) else {
            return false;
        };
        if found.is_empty() {
            return false;
        }
        for way in found {
            if let Some(field) = paths::at(&mut document, &way) {
                set(field, value);
            }
        }
        let Ok(ways) = paths::matches(object, outer, Missing::Left) else {
            return false;
        };
        if let Some(field) = ways.first().and_then(|way| paths::at(object, way)) {
            *field = written(&document, &text).into();
        }
        return true;
    }
    false
}

/// A document in the form in which it was: JSON, on one line or on several, or YAML.
fn written(document: &Value, before: &str) -> String {
    if !before.trim_start().starts_with(['{', '[']) {
        return yaml::to_yaml(std::slice::from_ref(document)).trim().to_owned();
    }
    if before.contains('\n') && before.contains("  ") {
        return yaml::go_json(&format!("{document:#}"));
    }
    yaml::go_json(&document.to_string())
}
