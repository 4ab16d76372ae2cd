//! Go's ways of showing values in messages.

use k8s_api::reflect::{Field, TypeRef};
use serde_json::Value;

pub use crate::apply::plain_value;
pub use k8s_api::primitives::quote;

/// JSON text with the members of structs in the order of their declaration, which is that of their protobuf numbers;
/// members that no field names come last, and those of maps by name.
///
/// `opened` mirrors the part of the document that a patch has opened: its root, and what its members name. There Go
/// holds a map, whose members go by name. Without a patch, give `Value::Null`.
#[must_use]
pub fn declared_order(value: &Value, ty: TypeRef<'_>, opened: &Value) -> String {
    let mut out = String::new();
    write(&mut out, value, Some(ty), Some(opened));
    out
}

/// `kind` and `apiVersion` of an object, which protobuf keeps elsewhere, are inlined at its head.
fn rank(name: &str, field: Option<&Field>) -> (u32, u32) {
    let number = field.and_then(|field| field.proto.first().copied());
    match (name, number) {
        (_, Some(number)) => (1, number),
        ("kind", None) => (0, 0),
        ("apiVersion", None) => (0, 1),
        (_, None) => (2, 0),
    }
}

fn write(out: &mut String, value: &Value, ty: Option<TypeRef<'_>>, opened: Option<&Value>) {
    match value {
        Value::Object(members) => {
            let shape = ty.and_then(TypeRef::as_struct);
            let mut ordered: Vec<_> = members.iter().collect();
            if let Some(shape) = shape
                && !opened.is_some_and(Value::is_object)
            {
                ordered.sort_by_key(|(name, _)| rank(name, shape.field(name)));
            }
            out.push('{');
            for (position, (name, member)) in ordered.into_iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(name.as_str()).to_string());
                out.push(':');
                write(
                    out,
                    member,
                    ty.and_then(|ty| ty.field(name)),
                    opened.and_then(|opened| opened.get(name)),
                );
            }
            out.push('}');
        }
        Value::Array(items) => {
            out.push('[');
            for (position, item) in items.iter().enumerate() {
                if position > 0 {
                    out.push(',');
                }
                let opened = opened.and_then(|opened| opened.get(position.to_string()));
                write(out, item, ty.and_then(TypeRef::element), opened);
            }
            out.push(']');
        }
        scalar => out.push_str(&scalar.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use k8s_api::{Kind as _, core::v1::ConfigMap};
    use serde_json::json;

    use super::declared_order;

    #[test]
    fn members_stand_as_they_are_declared() {
        let value = json!({
            "apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "2", "a": 1}, "zzz": [],
            "metadata": {"creationTimestamp": null, "name": "n", "uid": "u", "namespace": "ns"},
        });
        let ty = k8s_api::builtin_schema().at(ConfigMap::type_id());
        let metadata = r#""metadata":{"name":"n","namespace":"ns","uid":"u","creationTimestamp":null}"#;
        assert_eq!(
            declared_order(&value, ty, &json!(null)),
            format!(r#"{{"kind":"ConfigMap","apiVersion":"v1",{metadata},"data":{{"a":1,"b":"2"}},"zzz":[]}}"#)
        );
        assert_eq!(
            declared_order(&value, ty, &json!({"data": "x"})),
            format!(r#"{{"apiVersion":"v1","data":{{"a":1,"b":"2"}},"kind":"ConfigMap",{metadata},"zzz":[]}}"#)
        );
    }
}
