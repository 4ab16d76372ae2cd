//! Objects of built-in kinds as Go holds them in the structs of their types (upstream: the codecs of `scheme.Scheme`).
//!
//! What a type does not know is gone, members that are always written are there with their zero values, and those that
//! are left out when they are empty are not. Objects of other kinds stay as they are.

use apimachinery::apply::typed::zero_value;
use apimachinery::codec::go;
use apimachinery::normalize::{Source, normalize_builtin};
use k8s_api::reflect::{Field, Type, TypeRef};
use serde_json::Value;

use crate::json::{Object, go_escape, text_at};
use crate::patching::built_in;
use crate::{Refusal, Result};

/// The members that name an object's type; structs do not hold them.
const TYPE_META: [&str; 2] = ["apiVersion", "kind"];

/// The object as Go decodes and encodes it.
///
/// # Errors
/// A member has the wrong type or an impossible value.
pub fn typed(object: &Value) -> Result<Value> {
    let Some(ty) = built_in(object) else {
        return Ok(object.clone());
    };
    let mut typed = object.clone();
    normalize_builtin(&mut typed, ty.id, Source::Sorted).map_err(|error| Refusal(error.to_string()))?;
    complete(&mut typed, ty);
    if let Some(members) = typed.as_object_mut() {
        for name in TYPE_META {
            members.insert(name.to_owned(), object[name].clone());
        }
    }
    Ok(typed)
}

/// The object's JSON as Go's encoder writes it: members as they are declared, `<`, `>` and `&` escaped.
#[must_use]
pub fn json(object: &Value) -> String {
    match built_in(object) {
        Some(ty) => go_escape(&go::declared_order(object, ty, &Value::Null)),
        None => go_escape(&object.to_string()),
    }
}

/// The type of an object in Go's words: `*v1.Deployment`.
#[must_use]
pub fn go_type(object: &Value) -> String {
    let (_, version) = crate::json::group_version(object);
    format!("*{version}.{}", text_at(object, &["kind"]))
}

/// Adds what is always written, drops what is left out when empty.
fn complete(value: &mut Value, ty: TypeRef<'_>) {
    match (value, ty.get()) {
        (Value::Object(members), Type::Struct(shape)) => {
            for field in shape.fields.iter() {
                complete_field(members, field, ty.at(field.ty));
            }
        }
        (Value::Object(members), Type::Map(map)) => {
            members
                .values_mut()
                .for_each(|member| complete(member, ty.at(map.value)));
        }
        (Value::Array(items), Type::List(list)) => {
            items.iter_mut().for_each(|item| complete(item, ty.at(list.element)));
        }
        _ => {}
    }
}

fn complete_field(members: &mut Object, field: &Field, ty: TypeRef<'_>) {
    let name = field.name.as_ref();
    let always = field.required || field.keep_empty_struct;
    match members.get_mut(name) {
        Some(value) if !value.is_null() => {
            complete(value, ty);
            if !always && !field.pointer && is_empty(value, ty) {
                members.remove(name);
            }
        }
        _ if TYPE_META.contains(&name) || !always => {
            members.remove(name);
        }
        _ if field.pointer => {
            members.insert(name.to_owned(), Value::Null);
        }
        _ => {
            members.insert(name.to_owned(), zero_value(ty));
        }
    }
}

/// Whether Go leaves the value out.
fn is_empty(value: &Value, ty: TypeRef<'_>) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Bool(true) => false,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        // A struct by value that is neither always written nor left out by `omitzero` does not exist.
        Value::Object(members) => members.is_empty() || (ty.as_struct().is_some() && *value == zero_value(ty)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json as value;

    use super::*;

    #[test]
    fn objects_are_as_go_writes_them() {
        for (object, expected) in [
            (
                value!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "labels": {}}, "spec": {
                    "containers": [{"name": "c", "image": "i", "stdin": false, "env": [], "args": null}], "nothing": 1}}),
                r#"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i","resources":{}}]},"status":{}}"#,
            ),
            (
                value!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "r"}}),
                r#"{"kind":"ClusterRole","apiVersion":"rbac.authorization.k8s.io/v1","metadata":{"name":"r"},"rules":null}"#,
            ),
            (
                value!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"template": {"spec": {"containers": []}}}}),
                r#"{"kind":"Job","apiVersion":"batch/v1","metadata":{"name":"j"},"spec":{"template":{"metadata":{},"spec":{"containers":[]}}},"status":{}}"#,
            ),
            (
                value!({"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"cpu": "1000m", "memory": "<"}}}),
                "",
            ),
            (
                value!({"apiVersion": "e/v1", "kind": "T", "b": "<", "a": {}}),
                r#"{"a":{},"apiVersion":"e/v1","b":"\u003c","kind":"T"}"#,
            ),
        ] {
            match typed(&object) {
                Ok(typed) => assert_eq!(json(&typed), expected),
                Err(error) => assert!(
                    expected.is_empty() && error.0.starts_with("quantities must match"),
                    "{error}"
                ),
            }
        }
    }

    #[test]
    fn pointers_keep_their_zero_values() {
        let object = value!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {}, "spec": {
            "replicas": 0, "minReadySeconds": 0, "template": {}}});
        let typed = typed(&object).expect("a deployment");
        assert_eq!(typed["spec"]["replicas"], 0);
        assert_eq!(typed["spec"]["selector"], Value::Null);
        assert_eq!(typed["spec"].get("minReadySeconds"), None);
        assert_eq!(go_type(&typed), "*v1.Deployment");
    }
}
