//! Strategic merge patches as kustomize applies them (upstream: `kyaml/yaml/merge2`): what a patch adds to a list comes
//! first, unlike what the API server does.

use k8s_api::reflect::{Field, Type, TypeRef};
use k8s_api::scheme::{resource_of_kind, split_api_version};
use serde_json::{Map, Value};

use crate::Result;
use crate::error::refuse;
use crate::fields::wrong_kind;
use crate::yaml::scalar_text;

const DIRECTIVE: &str = "$patch";

/// The object with the patch applied; `None` if the patch deletes it.
///
/// # Errors
/// The patch does not fit the object.
pub(crate) fn merge(patch: Value, object: Value) -> Result<Option<Value>> {
    let (group, version) = split_api_version(object["apiVersion"].as_str().unwrap_or_default());
    let ty = resource_of_kind(group, version, object["kind"].as_str().unwrap_or_default());
    let shape = Shape {
        ty: ty.map(k8s_api::scheme::ResourceInfo::type_ref),
        keys: None,
    };
    walk(Some(object), Some(patch), shape)
}

/// What is known of a value: its type, and, of a list, by which members its elements are told apart.
#[derive(Clone)]
struct Shape {
    ty: Option<TypeRef<'static>>,
    /// `None` for lists that are replaced as a whole; empty for lists of texts that are merged.
    keys: Option<Vec<String>>,
}

impl Shape {
    fn member(&self, name: &str) -> Self {
        let Some(ty) = self.ty else {
            return Self { ty: None, keys: None };
        };
        let field = ty.as_struct().and_then(|fields| fields.field(name));
        Self {
            ty: ty.field(name),
            keys: field.and_then(|field| list_keys(ty, field)),
        }
    }

    fn element(&self) -> Self {
        Self {
            ty: self.ty.and_then(TypeRef::element),
            keys: None,
        }
    }
}

/// The keys of a list that is merged.
fn list_keys(ty: TypeRef<'static>, field: &Field) -> Option<Vec<String>> {
    let Type::List(list) = ty.at(field.ty).get() else {
        return None;
    };
    if !field.patch_strategy.merges() {
        return None;
    }
    if !list.keys.is_empty() {
        return Some(list.keys.iter().map(ToString::to_string).collect());
    }
    let key = field.patch_merge_key.to_string();
    Some(if key.is_empty() { Vec::new() } else { vec![key] })
}

/// What a patch says should become of a map or a list.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

fn directive(text: &str) -> Result<Directive> {
    match text {
        "merge" => Ok(Directive::Merge),
        "replace" => Ok(Directive::Replace),
        "delete" => Ok(Directive::Delete),
        other => Err(refuse!("unknown patch strategy '{other}'")),
    }
}

/// The directive of a map, which is taken out.
fn of_map(patch: &mut Map<String, Value>) -> Result<Directive> {
    match patch.get(DIRECTIVE).and_then(scalar_text) {
        None => Ok(Directive::Merge),
        Some(text) => {
            let directive = directive(&text)?;
            patch.remove(DIRECTIVE);
            Ok(directive)
        }
    }
}

/// The directive of a list: an element that is nothing else.
fn of_list(patch: &mut Vec<Value>) -> Result<Directive> {
    let at = patch.iter().position(|element| {
        element
            .as_object()
            .is_some_and(|element| element.len() == 1 && element.contains_key(DIRECTIVE))
    });
    match at {
        None => Ok(Directive::Merge),
        Some(at) => {
            let element = patch.remove(at);
            directive(&scalar_text(&element[DIRECTIVE]).unwrap_or_default())
        }
    }
}

/// The merged value; `None` to take it out.
fn walk(dest: Option<Value>, patch: Option<Value>, shape: Shape) -> Result<Option<Value>> {
    let first = [&dest, &patch].into_iter().flatten().find(|value| !value.is_null());
    match first {
        Some(Value::Object(_)) => {
            expect(&dest, &patch, Value::is_object, "MappingNode")?;
            map(dest, patch, &shape)
        }
        Some(Value::Array(_)) => {
            expect(&dest, &patch, Value::is_array, "SequenceNode")?;
            list(dest, patch, &shape)
        }
        Some(_) => {
            expect(
                &dest,
                &patch,
                |value| !value.is_object() && !value.is_array(),
                "ScalarNode",
            )?;
            Ok(patch.or(dest).filter(|value| !value.is_null()))
        }
        // A null that the patch says nothing of stays; every other is gone.
        None if patch.is_none() => Ok(dest),
        None => Ok(None),
    }
}

fn expect(dest: &Option<Value>, patch: &Option<Value>, fits: fn(&Value) -> bool, kind: &str) -> Result<()> {
    let wrong = [dest, patch]
        .into_iter()
        .flatten()
        .find(|value| !value.is_null() && !fits(value));
    match wrong {
        Some(value) => Err(wrong_kind(kind, value)),
        None => Ok(()),
    }
}

fn map(dest: Option<Value>, patch: Option<Value>, shape: &Shape) -> Result<Option<Value>> {
    let mut patch = match patch {
        None => None,
        Some(Value::Object(members)) => Some(members),
        // An explicit null takes the map out.
        Some(_) => return Ok(None),
    };
    let directive = match &mut patch {
        Some(members) => of_map(members)?,
        None => Directive::Merge,
    };
    if directive == Directive::Delete {
        return Ok(None);
    }
    let mut dest = match dest {
        Some(Value::Object(members)) if directive == Directive::Merge => members,
        // What is new is merged with nothing: that takes its nulls and directives out.
        _ => Map::new(),
    };
    for (name, value) in patch.unwrap_or_default() {
        let old = dest.remove(&name);
        if let Some(merged) = walk(old, Some(value), shape.member(&name))? {
            dest.insert(name, merged);
        }
    }
    Ok(Some(dest.into()))
}

fn list(dest: Option<Value>, patch: Option<Value>, shape: &Shape) -> Result<Option<Value>> {
    let Some(keys) = &shape.keys else {
        return Ok(patch.or(dest).filter(|value| !value.is_null()));
    };
    let elements = |value: Option<Value>| match value {
        Some(Value::Array(elements)) => elements,
        _ => Vec::new(),
    };
    if patch.as_ref().is_some_and(Value::is_null) {
        return Ok(None);
    }
    let (mut dest, mut patch) = (elements(dest), elements(patch));
    match of_list(&mut patch)? {
        Directive::Delete => return Ok(None),
        Directive::Replace => dest.clear(),
        Directive::Merge => {}
    }
    let merged = if keys.is_empty() {
        scalars(patch, dest)
    } else {
        keyed(patch, dest, keys, &shape.element())?
    };
    Ok(Some(merged.into()))
}

/// The patch's elements, then the others.
fn scalars(patch: Vec<Value>, dest: Vec<Value>) -> Vec<Value> {
    let mut merged: Vec<Value> = Vec::with_capacity(patch.len() + dest.len());
    for element in patch.into_iter().chain(dest) {
        if !merged.contains(&element) {
            merged.push(element);
        }
    }
    merged
}

/// By what an element is known.
fn key_of(element: &Value, keys: &[String]) -> Vec<String> {
    keys.iter()
        .map(|key| element.get(key).and_then(scalar_text).unwrap_or_default())
        .collect()
}

/// Whether both are one element: no key differs, though one may be missing, and some key is the same.
fn is_same(one: &[String], other: &[String]) -> bool {
    let mut pairs = one.iter().zip(other);
    let differ = |(one, other): (&String, &String)| one != other && !one.is_empty() && !other.is_empty();
    !pairs.clone().any(differ) && pairs.any(|(one, other)| one == other && !one.is_empty())
}

fn keyed(patch: Vec<Value>, dest: Vec<Value>, keys: &[String], element: &Shape) -> Result<Vec<Value>> {
    let mut dest: Vec<Option<Value>> = dest.into_iter().map(Some).collect();
    let mut first = Vec::new();
    for patched in patch {
        let key = key_of(&patched, keys);
        let at = dest
            .iter()
            .position(|old| old.as_ref().is_some_and(|old| is_same(&key_of(old, keys), &key)));
        let old = at.and_then(|at| dest[at].take());
        let known = old.is_some();
        // An element that is to be replaced stays as it is, as ever.
        let replaces = known && patched.get(DIRECTIVE).is_some_and(|text| text == "replace");
        let mut merged = if replaces {
            old
        } else {
            walk(old, Some(patched), element.clone())?
        };
        if let Some(merged) = merged.as_mut().and_then(Value::as_object_mut) {
            for (name, text) in keys.iter().zip(&key).filter(|(_, text)| !text.is_empty()) {
                if !merged.contains_key(name) {
                    merged.insert(name.clone(), text.as_str().into());
                }
            }
        }
        let merged = merged.filter(|value| value.as_object().is_none_or(|members| !members.is_empty()));
        // Elements with several keys keep their place, others come first.
        match (at, keys.len()) {
            (Some(at), 2..) if known => dest[at] = merged,
            _ => first.extend(merged),
        }
    }
    Ok(first.into_iter().chain(dest.into_iter().flatten()).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(containers: Value) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": {"containers": containers}}}})
    }

    fn containers(patch: Value, object: Value) -> Value {
        let merged = merge(deployment(patch), deployment(object))
            .expect("it fits")
            .expect("it stays");
        merged["spec"]["template"]["spec"]["containers"].clone()
    }

    #[test]
    fn lists_are_merged_by_key_and_the_patch_comes_first() {
        let old = || json!([{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]);
        for (patch, expected) in [
            (
                json!([{"name": "b", "image": "2"}]),
                json!([{"name": "b", "image": "2"}, {"name": "a", "image": "1"}]),
            ),
            (
                json!([{"name": "c", "image": "3"}]),
                json!([{"name": "c", "image": "3"}, {"name": "a", "image": "1"}, {"name": "b", "image": "1"}]),
            ),
            (
                json!([{"name": "a", "$patch": "delete"}]),
                json!([{"name": "b", "image": "1"}]),
            ),
            (json!([{"$patch": "replace"}, {"name": "c"}]), json!([{"name": "c"}])),
            (
                json!([{"name": "a", "image": null}]),
                json!([{"name": "a"}, {"name": "b", "image": "1"}]),
            ),
        ] {
            assert_eq!(containers(patch.clone(), old()), expected, "{patch}");
        }
    }

    #[test]
    fn ports_keep_their_places() {
        let ports = |ports: Value| json!([{"name": "a", "ports": ports}]);
        let old = json!([{"containerPort": 1, "protocol": "TCP"}, {"containerPort": 2, "protocol": "TCP"}]);
        let patch = json!([{"containerPort": 2, "name": "x"}, {"containerPort": 3, "protocol": "UDP"}]);
        let merged = containers(ports(patch), ports(old));
        assert_eq!(
            merged[0]["ports"],
            json!([{"containerPort": 3, "protocol": "UDP"}, {"containerPort": 1, "protocol": "TCP"},
                {"containerPort": 2, "protocol": "TCP", "name": "x"}])
        );
    }

    #[test]
    fn unknown_kinds_have_whole_lists() {
        let object = |list: Value| json!({"apiVersion": "example.com/v1", "kind": "Thing", "list": list, "kept": null});
        let mut patch = object(json!([{"name": "b"}]));
        patch.as_object_mut().expect("an object").remove("kept");
        let merged = merge(patch, object(json!([{"name": "a"}]))).expect("it fits");
        assert_eq!(merged, Some(object(json!([{"name": "b"}]))));
        let deleted = json!({"apiVersion": "example.com/v1", "kind": "Thing", "$patch": "delete"});
        assert_eq!(merge(deleted, object(json!([]))), Ok(None));
        let error = merge(json!({"list": "text"}), object(json!([]))).expect_err("refused");
        assert_eq!(
            error.to_string(),
            "wrong node kind: expected SequenceNode but was ScalarNode: node contents:\ntext\n"
        );
    }
}
