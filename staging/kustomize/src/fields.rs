//! Fields that a step works on: their path, the types that have them, and the walk to them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Result;
use crate::error::refuse;
use crate::id::{Gvk, ResId};

/// A field of some types: `spec/template/metadata/labels`. Lists on the way are walked through.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct FieldSpec {
    /// The types; empty members stand for any.
    #[serde(flatten)]
    pub(crate) gvk: Gvk,
    /// The path; `[]` behind a part says that it is a list.
    pub(crate) path: String,
    /// Whether the field is made where it is missing.
    pub(crate) create: bool,
}

impl FieldSpec {
    /// A field of every type.
    pub(crate) fn of_any(path: &str, create: bool) -> Self {
        Self {
            gvk: Gvk::default(),
            path: path.to_owned(),
            create,
        }
    }
}

/// Adds fields that are not there yet.
///
/// # Errors
/// One is there, but with another `create`.
pub(crate) fn merge(fields: &mut Vec<FieldSpec>, others: &[FieldSpec]) -> Result<()> {
    for other in others {
        let known = fields
            .iter()
            .find(|field| field.gvk.is_selected(&other.gvk) && field.path == other.path);
        match known {
            Some(field) if field.create != other.create => return Err(refuse!("conflicting fieldspecs")),
            Some(_) => {}
            None => fields.push(other.clone()),
        }
    }
    Ok(())
}

/// What a missing field is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Leaf {
    /// It stays missing.
    None,
    /// A text.
    Text,
    /// An object.
    Map,
}

/// A path in parts; a delimiter behind a backslash is a letter like any other.
pub(crate) fn split_path(path: &str, delimiter: char) -> Vec<String> {
    let path = match path.strip_prefix(delimiter) {
        Some(rest) => rest,
        None => path,
    };
    let mut parts: Vec<String> = Vec::new();
    for part in path.split(delimiter) {
        match parts.last_mut() {
            Some(last) if last.ends_with('\\') => {
                last.pop();
                last.push(delimiter);
                last.push_str(part);
            }
            _ => parts.push(part.to_owned()),
        }
    }
    parts
}

/// Does a step with every field of the object that the spec means.
///
/// # Errors
/// The step's, or the path leads through a value without members.
pub(crate) fn visit(
    object: &mut Value,
    spec: &FieldSpec,
    leaf: Leaf,
    step: &mut dyn FnMut(&mut Value) -> Result<()>,
) -> Result<()> {
    if !Gvk::of(object).is_selected(&spec.gvk) {
        return Ok(());
    }
    let id = ResId::of(object);
    let parts = split_path(&spec.path, '/');
    let leaf = if spec.create { leaf } else { Leaf::None };
    walk(object, &parts, leaf, step)
        .map_err(|error| error.context(format!("considering field '{}' of object {id}", spec.path)))
}

fn walk(value: &mut Value, path: &[String], leaf: Leaf, step: &mut dyn FnMut(&mut Value) -> Result<()>) -> Result<()> {
    let Some((part, rest)) = path.split_first() else {
        return step(value);
    };
    match value {
        Value::Null => Ok(()),
        Value::Array(elements) => elements.iter_mut().try_for_each(|element| {
            walk(element, path, leaf, step)
                .map_err(|error| error.context(format!("visit traversal on path: [{}]", path.join(" "))))
        }),
        Value::Object(members) => {
            let (name, is_list) = match part.strip_suffix("[]") {
                Some(name) => (name, true),
                None => (part.as_str(), false),
            };
            if name.is_empty() {
                return Err(refuse!("cannot set or create an empty field name"));
            }
            if leaf != Leaf::None && !is_list {
                let made = if rest.is_empty() && leaf == Leaf::Text {
                    Value::String(String::new())
                } else {
                    Value::Object(Map::new())
                };
                let member = members.entry(name).or_insert(Value::Null);
                if member.is_null() {
                    *member = made;
                }
            }
            match members.get_mut(name) {
                Some(member) => walk(member, rest, leaf, step),
                None => Ok(()),
            }
        }
        _ => Err(refuse!("expected sequence or mapping node")),
    }
}

/// Sets a member of what should be an object.
///
/// # Errors
/// It is none.
pub(crate) fn set_member(value: &mut Value, key: &str, text: &str) -> Result<()> {
    match value {
        Value::Object(members) => {
            members.insert(key.to_owned(), text.into());
            Ok(())
        }
        other => Err(wrong_kind("MappingNode", other)),
    }
}

/// Sets a value that should have no members.
///
/// # Errors
/// It has.
pub(crate) fn set_scalar(value: &mut Value, new: Value) -> Result<()> {
    if value.is_object() || value.is_array() {
        return Err(wrong_kind("ScalarNode", value));
    }
    *value = new;
    Ok(())
}

/// What is said of a value of another shape than a field has.
pub(crate) fn wrong_kind(expected: &str, value: &Value) -> crate::BuildError {
    let actual = match value {
        Value::Object(_) => "MappingNode",
        Value::Array(_) => "SequenceNode",
        _ => "ScalarNode",
    };
    let text = crate::yaml::to_yaml(std::slice::from_ref(value));
    refuse!("wrong node kind: expected {expected} but was {actual}: node contents:\n{text}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_found_and_made() {
        for (path, create, leaf, object, expected) in [
            ("a/b", false, Leaf::Text, json!({"a": {}}), Ok(json!({"a": {}}))),
            ("a/b", true, Leaf::Text, json!({}), Ok(json!({"a": {"b": "x"}}))),
            (
                "a/b",
                false,
                Leaf::Text,
                json!({"a": [{"b": "1"}, {"b": "2"}]}),
                Ok(json!({"a": [{"b": "x"}, {"b": "x"}]})),
            ),
            ("a[]/b", true, Leaf::Text, json!({}), Ok(json!({}))),
            (
                "a/x.y\\/z",
                false,
                Leaf::None,
                json!({"a": {"x.y/z": ""}}),
                Ok(json!({"a": {"x.y/z": "x"}})),
            ),
            (
                "a/b",
                false,
                Leaf::Text,
                json!({"a": "text"}),
                Err(
                    "considering field 'a/b' of object [noKind].[noVer].[noGrp]/[noName].[noNs]: expected sequence or mapping node",
                ),
            ),
        ] {
            let mut object = object;
            let spec = FieldSpec::of_any(path, create);
            let outcome = visit(&mut object, &spec, leaf, &mut |value| set_scalar(value, "x".into()));
            let found = outcome.map(|()| object).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{path}");
        }
    }

    #[test]
    fn fields_may_not_conflict() {
        let mut fields = vec![FieldSpec::of_any("a", true)];
        assert!(
            merge(
                &mut fields,
                &[FieldSpec::of_any("a", true), FieldSpec::of_any("b", false)]
            )
            .is_ok()
        );
        assert_eq!(fields.len(), 2);
        let error = merge(&mut fields, &[FieldSpec::of_any("b", true)]).expect_err("refused");
        assert_eq!(error.to_string(), "conflicting fieldspecs");
    }
}
